"""`tenure keys`: API keys, through the HTTP API; and the keys that tokens are signed with."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from interfaces.cli import durations
from interfaces.cli.commands import takes_settings
from interfaces.cli.connections import connect
from interfaces.cli.credentials import Url, User
from interfaces.cli.host import Flags, Stop
from interfaces.cli.output import AsJson, note, plain_time, say, show_json, table

Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help="what the key may do: full, read or audit; may be repeated; none: full"),
]
Expires = Annotated[
    int | None,
    typer.Option(parser=durations.parse_seconds, metavar="DURATION", help="until it ends: 90, 15m, 30d; none: never"),
]


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="a name for the key")],
    scope: Scopes = None,
    expires: Expires = None,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Make an API key for a program. It is printed once, and cannot be shown again."""
    body = {"name": name, "scopes": scope or ["full"], "expires_in": expires}
    key = connect(ctx, url, user).json("POST", "keys", body)
    if as_json:
        show_json(key)
    else:
        say(key["key"])
        note("Keep it now: it is not told again. Programs send it as X-API-Key.")


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None) -> None:
    """List your API keys, newest first: what each may do, and when it was last used."""
    keys = connect(ctx, url, user).json("GET", "keys")
    if as_json:
        show_json(keys)
    elif keys:
        table(("name", "id", "begins with", "scopes", "ends", "last used"), map(row, keys))
    else:
        note("There are none. Make one: tenure keys create NAME")


def revoke(
    ctx: typer.Context,
    key: Annotated[
        str, typer.Argument(metavar="ID", help="the id of a key, its first characters, or a name that only one key has")
    ],
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Revoke an API key. This takes effect immediately."""
    client = connect(ctx, url, user)
    keys = client.json("GET", "keys")
    matches = [entry for entry in keys if key in (entry["id"], entry["prefix"], entry["name"])]
    if not matches:
        raise Stop(f'No key of yours is called "{key}"; see tenure keys list')
    if len(matches) > 1:
        lines = "".join(f"\n  {entry['id']}  {entry['prefix']}" for entry in matches)
        raise Stop(f'{len(matches)} keys are called "{key}"; say which by its id:{lines}')
    answer = client.json("DELETE", f"keys/{matches[0]['id']}")
    if as_json:
        show_json({"id": matches[0]["id"], **answer})
    else:
        say(f"{matches[0]['name']} ({matches[0]['prefix']}) is revoked")


@takes_settings("home", "database_url", "config", "sealing_secret")
def rotate(ctx: typer.Context, flags: Flags, as_json: AsJson = False) -> None:
    """Sign tokens with new keys from now on. Tokens that are signed with the old keys stay valid until they end."""
    key_ids = ctx.obj.rotate(flags)
    if as_json:
        show_json(key_ids)
        return
    for audience, kid in key_ids.items():
        say(f"Tokens for {audience} are signed with {kid} now")


def row(key: dict[str, Any]) -> tuple[str, ...]:
    """A key as a row of the table."""
    times = (time_or_never(key["expires_at"]), time_or_never(key["last_used_at"]))
    return (key["name"], key["id"], key["prefix"], ",".join(key["scopes"]), *times)


def time_or_never(at: str | None) -> str:
    return plain_time(at) if at else "never"
