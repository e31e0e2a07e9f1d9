"""`tenure sessions`: the shared terminals, through the HTTP API."""

from __future__ import annotations

import getpass
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, quote, urlsplit

import typer

from interfaces.cli.host import Stop
from interfaces.cli.output import AsJson, note, plain_time, say, show_json, table
from interfaces.cli.workspaces import SERVER_PANEL, Url

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

COOKIE = "tenure_login"
RESPONSE_TIMEOUT_S = 30
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        envvar="TENURE_USER",
        help="your name, where a name alone signs in; none: your login name",
        rich_help_panel=SERVER_PANEL,
    ),
]
Login = Annotated[
    str | None,
    typer.Option(
        envvar="TENURE_LOGIN", help=f"the cookie {COOKIE} of a browser that is signed in", rich_help_panel=SERVER_PANEL
    ),
]
Invite = Annotated[
    str | None, typer.Option(help="the token of an invite, needed the first time only", rich_help_panel=SERVER_PANEL)
]
SessionName = Annotated[
    str, typer.Argument(metavar="SESSION", help="the name of a session, or of a workspace of yours")
]
Pane = Annotated[int | None, typer.Option(help="the number of the pane; none: the first one")]
Look = Annotated[bool, typer.Option("--look", help="only look, without a claim")]


def list_(
    ctx: typer.Context,
    as_json: AsJson = False,
    url: Url = None,
    user: As = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """List the sessions of tmux and the terminals of workspaces, with the holders of their claims."""
    with signed_in(ctx, url, user, login, invite) as client:
        sessions = ask(client, "GET", "/api/sessions")["sessions"]
        workspaces = ask(client, "GET", "/api/v1/workspaces")
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
    user: As = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """Claim a session, so that only you can type into it, or prolong your claim."""
    with signed_in(ctx, url, user, login, invite) as client:
        path = f"/api/sessions/{quote(find(client, session), safe='')}/claim"
        answer = ask(client, "DELETE" if release else "POST", path)
    say(f"{session} is free" if release else f"{session} is yours until {plain_time(answer['claim']['expiresAt'])}")


def attach(
    ctx: typer.Context,
    session: SessionName,
    pane: Pane = None,
    look: Look = False,
    url: Url = None,
    user: As = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """Show a session in this terminal, and type into it. Ctrl-] leaves it."""
    from interfaces.cli.terminal import Terminal, run

    terminal = Terminal()
    with signed_in(ctx, url, user, login, invite) as client:
        name = quote(find(client, session), safe="")
        path = f"/api/sessions/{name}/claim"
        is_claimed = False
        if not look:
            try:
                ask(client, "POST", path)
                is_claimed = True
            except Stop as error:
                note(f"{error}: you can look")
        try:
            server = str(client.base_url).replace("http", "ws", 1).rstrip("/")
            query = f"?pane={pane}" if pane is not None else ""
            address = f"{server}/ws/terminal/{name}{query}"
            reason = run(terminal, address, client.cookies[COOKIE])
        finally:
            if is_claimed:
                client.request("DELETE", path)
    note(reason)


def find(client: httpx.Client, name: str) -> str:
    """The session with this name, else the one of the caller's workspace with this name. Raises `Stop` for several."""
    if any(session["name"] == name for session in ask(client, "GET", "/api/sessions")["sessions"]):
        return name
    workspaces = ask(client, "GET", "/api/v1/workspaces")
    ids = [str(workspace["id"]) for workspace in workspaces if workspace["name"] == name]
    if len(ids) > 1:
        raise Stop(f"{len(ids)} of your workspaces are called {name}; name one by its id: {', '.join(ids)}")
    return ids[0] if ids else name


def render_claim(claim: dict[str, Any] | None) -> str:
    """The holder of a claim and its end; "" without a claim."""
    return f"by {claim['userName']}, until {plain_time(claim['expiresAt'])}" if claim else ""


@contextmanager
def signed_in(
    ctx: typer.Context, url: str | None, user: str | None, login: str | None, invite: str | None
) -> Iterator[httpx.Client]:
    """A client with a login cookie: `login`, or a new one for the name, which is signed out at the end."""
    with closing(sign_in(url or ctx.obj.url(), user, login, invite)) as client:
        yield client
        if not login:
            client.post("/auth/logout")


def sign_in(url: str, user: str | None, login: str | None, invite: str | None) -> httpx.Client:
    """A client with a login cookie. Raises `Stop`."""
    import httpx

    base_url = url.rstrip("/")
    is_local = urlsplit(base_url).hostname in ("127.0.0.1", "localhost", "::1")
    try:
        client = httpx.Client(base_url=base_url, timeout=RESPONSE_TIMEOUT_S, trust_env=not is_local)
        if login:
            client.cookies.set(COOKIE, login)
            return client
        params = {"name": user or getpass.getuser()} | ({"invite": invite} if invite else {})
        response = client.get("/auth/dev", params=params)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        raise Stop(f"{base_url} is no address of a server; write one such as http://127.0.0.1:3000") from None
    except httpx.TransportError as error:
        raise Stop(f"Tenure does not answer at {base_url}: {error}; name another with --url") from None
    if errors := parse_qs(urlsplit(response.headers.get("location", "")).query).get("error"):
        raise Stop(f"{params['name']} is not let in: {errors[0].replace('_', ' ')}")
    if COOKIE not in client.cookies:
        raise Stop(
            f"a name does not sign in at {base_url}; give --login the cookie {COOKIE} of a browser that has signed in"
        )
    return client


def ask(client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    """The JSON of the response to a request. Raises `Stop` for an error response, too."""
    import httpx

    try:
        response = client.request(method, path, json=body)
        answer = response.json()
    except httpx.TransportError as error:
        raise Stop(f"the connection was lost: {error}") from None
    except ValueError:
        raise Stop(f"{client.base_url} answers, but not as Tenure does; name another with --url") from None
    if response.is_error:
        raise Stop(answer.get("message", answer.get("error", "it was refused")))
    return answer
