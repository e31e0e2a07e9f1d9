"""`tenure login` and `tenure logout`: a key for the whole command line, stored in the home."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from typing import TYPE_CHECKING

import typer

from interfaces.cli.credentials import (
    API_KEY_VARIABLE,
    COOKIE,
    FILE,
    Credential,
    Invite,
    Login,
    Url,
    User,
    key_credential,
    name_credential,
    store_keys,
    stored_keys,
)
from interfaces.cli.host import Stop
from interfaces.cli.output import say

if TYPE_CHECKING:
    from interfaces.cli.client import Client

LIFETIME_S = 30 * 86_400  # as long as a sign-in in a browser


def login(ctx: typer.Context, url: Url = None, user: User = None, cookie: Login = None, invite: Invite = None) -> None:
    """Store an API key for this server, which all commands use from now on.

    The key is made for your name where a name alone signs in, and for the user of a browser's cookie with --cookie.
    Otherwise type a key that you have made before.
    """
    server, home = (url or ctx.obj.url()).rstrip("/"), ctx.obj.home()
    key = new_key(server, user, cookie, invite)
    open_client(server, key_credential(key)).json("GET", "keys")  # raises `Stop` for a key that is not good
    store_keys(home, stored_keys(home) | {server: key})
    say(f"Signed in at {server}. The key is in {home / FILE}; tenure logout revokes it.")


def new_key(server: str, user: str | None, cookie: str | None, invite: str | None) -> str:
    """A new key of the user, or the one that they type. Raises `Stop`."""
    if cookie:
        credential = Credential({"Cookie": f"{COOKIE}={cookie}"})
    elif user or open_client(server, Credential({})).json("GET", "/auth/status")["dev"]:
        credential = name_credential(user or getpass.getuser())
    else:
        return typed_key()
    client = open_client(server, credential)
    if credential.name is not None:
        client.join(invite)
    body = {"name": f"tenure on {socket.gethostname()}"[:100], "expires_in": LIFETIME_S}
    return str(client.json("POST", "keys", body)["key"])


def typed_key() -> str:
    """The key in TENURE_API_KEY, or the one typed without an echo, or the first line of standard input."""
    key = os.environ.get(API_KEY_VARIABLE)
    if not key:
        key = getpass.getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not key.strip():
        raise Stop("A name does not sign in there; make an API key in the browser, and type it here")
    return key.strip()


def logout(ctx: typer.Context, url: Url = None) -> None:
    """Revoke the key that `tenure login` has stored for this server, and forget it."""
    server, home = (url or ctx.obj.url()).rstrip("/"), ctx.obj.home()
    keys = stored_keys(home)
    key = keys.pop(server, None)
    if key is None:
        raise Stop(f"No key is stored for {server}")
    client = open_client(server, key_credential(key))
    try:
        for entry in client.json("GET", "keys"):
            if key.startswith(entry["prefix"]):
                client.json("DELETE", f"keys/{entry['id']}")
    finally:
        store_keys(home, keys)
    say(f"Signed out at {server}.")


def open_client(server: str, credential: Credential) -> Client:
    from interfaces.cli.client import Client

    return Client(server, credential)
