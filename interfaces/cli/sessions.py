"""`tenure sessions`: the shared terminals, through the HTTP API."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from interfaces.cli.connections import connect, connect_as_member
from interfaces.cli.credentials import Invite, Login, Url, User
from interfaces.cli.host import Stop
from interfaces.cli.output import AsJson, note, plain_time, say, show_json, table

if TYPE_CHECKING:
    from interfaces.cli.client import Client

UNAUTHORIZED, FORBIDDEN, CONFLICT = 401, 403, 409
NOT_A_MEMBER = "{} does not belong there yet; join with tenure login, and with --invite if somebody else owns the place"
SessionName = Annotated[
    str, typer.Argument(metavar="SESSION", help="the name of a session, or of a workspace of yours")
]
Pane = Annotated[int | None, typer.Option(help="the number of the pane; none: the first one")]
Look = Annotated[bool, typer.Option("--look", help="only look, without a claim")]


def list_(
    ctx: typer.Context,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """List the sessions of tmux and the terminals of workspaces, with the holders of their claims."""
    from interfaces.cli.client import Refusal

    client = connect_as_member(ctx, url, user, login, invite) if invite else connect(ctx, url, user, login)
    try:
        sessions = client.json("GET", "/api/sessions")["sessions"]
    except Refusal as refusal:
        if refusal.status in (UNAUTHORIZED, FORBIDDEN) and client.credential.name is not None:
            raise Stop(NOT_A_MEMBER.format(client.credential.name)) from None
        raise
    workspaces = client.json("GET", "workspaces")
    workspace_names = {workspace["id"]: workspace["name"] for workspace in workspaces}
    if as_json:
        show_json(sessions)
    elif sessions:
        rows = [
            (
                session["name"],
                workspace_names.get(session["name"], ""),
                str(session["windows"]),
                "yes" if session["attached"] else "",
                render_claim(session["claim"]),
            )
            for session in sessions
        ]
        table(("name", "workspace", "windows", "attached", "claimed"), rows)
    else:
        note("There are none. tmux new -s main makes one.")


def claim(
    ctx: typer.Context,
    session: SessionName,
    release: Annotated[bool, typer.Option("--release", help="release the claim instead")] = False,
    url: Url = None,
    user: User = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """Claim a session, so that only you can type into it, or prolong your claim."""
    client = connect_as_member(ctx, url, user, login, invite)
    path = f"/api/sessions/{quote(find(client, session), safe='')}/claim"
    answer = client.json("DELETE" if release else "POST", path)
    say(f"{session} is free" if release else f"{session} is yours until {plain_time(answer['claim']['expiresAt'])}")


def attach(
    ctx: typer.Context,
    session: SessionName,
    pane: Pane = None,
    look: Look = False,
    url: Url = None,
    user: User = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """Show a session in this terminal, and type into it. Ctrl-] leaves it."""
    from interfaces.cli.client import Refusal
    from interfaces.cli.terminal import Terminal, run

    terminal = Terminal()
    client = connect_as_member(ctx, url, user, login, invite)
    name = quote(find(client, session), safe="")
    path = f"/api/sessions/{name}/claim"
    is_claimed = False
    if not look:
        try:
            client.json("POST", path)
            is_claimed = True
        except Refusal as refusal:
            if refusal.status not in (FORBIDDEN, CONFLICT):
                raise
            note(f"{refusal}: you can look")
    try:
        query = f"?pane={pane}" if pane is not None else ""
        address = f"{client.url.replace('http', 'ws', 1)}/ws/terminal/{name}{query}"
        reason = run(terminal, address, dict(client.credential.headers))
    finally:
        if is_claimed:
            with suppress(Stop):  # it ends by itself
                client.ask("DELETE", path)
    note(reason)


def find(client: Client, name: str) -> str:
    """The session with this name, else the one of the caller's workspace with this name. Raises `Stop` for several."""
    if any(session["name"] == name for session in client.json("GET", "/api/sessions")["sessions"]):
        return name
    workspaces = client.json("GET", "workspaces")
    ids = [str(workspace["id"]) for workspace in workspaces if workspace["name"] == name]
    if len(ids) > 1:
        raise Stop(f"{len(ids)} of your workspaces are called {name}; name one by its id: {', '.join(ids)}")
    return ids[0] if ids else name


def render_claim(claim: dict[str, Any] | None) -> str:
    """The holder of a claim and its end; "" without a claim."""
    return f"by {claim['userName']}, until {plain_time(claim['expiresAt'])}" if claim else ""
