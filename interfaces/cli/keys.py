"""`tenure keys`: API keys over the same API that every other client has; and the keys that tokens are signed with."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from interfaces.cli import durations
from interfaces.cli.commands import takes_settings
from interfaces.cli.host import Flags, Stop
from interfaces.cli.output import AsJson, note, plain_time, say, show_json, table
from interfaces.cli.workspaces import Url, User, connect

Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help="what it is for: full, read or audit; may be given again; none: full"),
]
Expires = Annotated[
    int | None,
    typer.Option(parser=durations.seconds, metavar="DURATION", help="until it ends: 90, 15m, 30d; none: never"),
]


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="what to call it")],
    scope: Scopes = None,
    expires: Expires = None,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Make a key for a program. It is printed once, and nobody can show it again."""
    body = {"name": name, "scopes": scope or ["full"], "expires_in": expires}
    made = connect(ctx, url, user).json("POST", "keys", body)
    if as_json:
        show_json(made)
    else:
        say(made["key"])
        note("Keep it now: it is not told again. Programs send it as X-API-Key.")


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None) -> None:
    """Your keys, newest first: what each is for, and when it was last used."""
    mine = connect(ctx, url, user).json("GET", "keys")
    if as_json:
        show_json(mine)
    elif mine:
        table(("name", "id", "begins with", "scopes", "ends", "last used"), map(row, mine))
    else:
        note("There are none. Make one: tenure keys create NAME")


def revoke(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="ID", help="its id, what it begins with, or a name only one has")],
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Let a key open nothing from now on."""
    client = connect(ctx, url, user)
    fits = [it for it in client.json("GET", "keys") if key in (it["id"], it["prefix"], it["name"])]
    if not fits:
        raise Stop(f'No key of yours is called "{key}"; see tenure keys list')
    if len(fits) > 1:
        several = "".join(f"\n  {it['id']}  {it['prefix']}" for it in fits)
        raise Stop(f'{len(fits)} keys are called "{key}"; say which by its id:{several}')
    answer = client.json("DELETE", f"keys/{fits[0]['id']}")
    if as_json:
        show_json({"id": fits[0]["id"], **answer})
    else:
        say(f"{fits[0]['name']} ({fits[0]['prefix']}) is revoked")


@takes_settings("home", "database_url", "config", "sealing_secret")
def rotate(ctx: typer.Context, flags: Flags, as_json: AsJson = False) -> None:
    """Sign tokens with new keys from now on. Tokens that were signed with the old ones stay good until they end."""
    made = ctx.obj.rotate(flags)
    if as_json:
        show_json(made)
        return
    for audience, kid in made.items():
        say(f"Tokens for {audience} are signed with {kid} now")


def row(it: dict[str, Any]) -> tuple[str, ...]:
    times = (when(it["expires_at"]), when(it["last_used_at"]))
    return (it["name"], it["id"], it["prefix"], ",".join(it["scopes"]), *times)


def when(at: str | None) -> str:
    return plain_time(at) if at else "never"
