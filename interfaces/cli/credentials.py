"""The one credential of the command line: what every command that talks to a server proves its caller with.

In this order: the login cookie in TENURE_LOGIN, the API key in TENURE_API_KEY, the name in --as or TENURE_USER, the key
that `tenure login` has stored for the server, and the caller's login name. A name counts only where nobody but this
machine can ask.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from interfaces.cli.host import Stop

COOKIE = "tenure_login"
SERVER_PANEL = "Server and user"
API_KEY_VARIABLE = "TENURE_API_KEY"  # no option: every user of the machine can read the arguments of commands
COOKIE_VARIABLE = "TENURE_LOGIN"
FILE = "credentials.json"  # in the home: keys by the URL of their server
Url = Annotated[
    str | None,
    typer.Option(envvar="TENURE_URL", help="the server's URL; none: by the settings", rich_help_panel=SERVER_PANEL),
]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        "--as",
        envvar="TENURE_USER",
        help=f"your name, without an API key in {API_KEY_VARIABLE}; none: the key of tenure login, or your login name",
        rich_help_panel=SERVER_PANEL,
    ),
]
Login = Annotated[
    str | None,
    typer.Option(
        envvar=COOKIE_VARIABLE,
        help=f"the cookie {COOKIE} of a browser that is signed in",
        rich_help_panel=SERVER_PANEL,
    ),
]
Invite = Annotated[
    str | None, typer.Option(help="the token of an invite, needed the first time only", rich_help_panel=SERVER_PANEL)
]


@dataclass(frozen=True)
class Credential:
    """The headers of every request, and the name if that is all that there is."""

    headers: Mapping[str, str]
    name: str | None = None


def find_credential(home: Path, url: str, user: str | None, login: str | None = None) -> Credential:
    """The credential for a server. Raises `Stop` where there is none."""
    if cookie := login or os.environ.get(COOKIE_VARIABLE):
        return Credential({"Cookie": f"{COOKIE}={cookie}"})
    if key := os.environ.get(API_KEY_VARIABLE):
        return key_credential(key)
    if user:
        return name_credential(user)
    if key := stored_keys(home).get(url):
        return key_credential(key)
    try:
        return name_credential(getpass.getuser())
    except (KeyError, OSError):
        raise Stop("It is not known who you are; say it with --as") from None


def key_credential(key: str) -> Credential:
    return Credential({"X-API-Key": key})


def name_credential(name: str) -> Credential:
    return Credential({"x-user": name}, name)


def stored_keys(home: Path) -> dict[str, str]:
    """The keys that `tenure login` has stored, by the URL of their server. Raises `Stop` for a file that is spoilt."""
    file = home / FILE
    try:
        keys: Any = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Stop(f"{file} cannot be read: {error}. Remove it, and use tenure login again") from None
    return {str(url): str(key) for url, key in keys.items()} if isinstance(keys, dict) else {}


def store_keys(home: Path, keys: dict[str, str]) -> None:
    """Write the keys for the present user only. The file is replaced as a whole. Raises `Stop`."""
    file = home / FILE
    new = file.with_suffix(".new")
    try:
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            new.unlink()
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump(keys, opened, indent=2)
        new.replace(file)
    except OSError as error:
        raise Stop(f"{file} cannot be written: {(error.strerror or str(error)).lower()}") from None
