"""`tenure sessions`: the shared terminals, over the same API that browsers have."""

from __future__ import annotations

import getpass
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, quote, urlsplit

import typer

from interfaces.cli.host import Stop
from interfaces.cli.output import AsJson, note, plain_time, say, show_json, table
from interfaces.cli.workspaces import HERE, Url

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

COOKIE = "tenure_login"
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        envvar="TENURE_USER",
        help="who you are, where a name signs in; none: your login name",
        rich_help_panel=HERE,
    ),
]
Login = Annotated[
    str | None,
    typer.Option(
        envvar="TENURE_LOGIN", help=f"the cookie {COOKIE} of a browser that has signed in", rich_help_panel=HERE
    ),
]
Invite = Annotated[str | None, typer.Option(help="the token of an invite, the first time", rich_help_panel=HERE)]
Named = Annotated[str, typer.Argument(metavar="SESSION", help="its name, or that of a workspace of yours")]
Pane = Annotated[int | None, typer.Option(help="the number of a pane; none: the first")]
Look = Annotated[bool, typer.Option("--look", help="only look: claim nothing")]


def list_(
    ctx: typer.Context,
    as_json: AsJson = False,
    url: Url = None,
    user: As = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """The sessions of tmux and the terminals of workspaces, and who has claimed them."""
    with signed_in(ctx, url, user, login, invite) as client:
        shown = ask(client, "GET", "/api/sessions")["sessions"]
        called = {it["id"]: it["name"] for it in ask(client, "GET", "/api/v1/workspaces")}
    if as_json:
        show_json(shown)
    elif shown:
        attached = {True: "yes", False: ""}
        rows = [
            (it["name"], called.get(it["name"], ""), str(it["windows"]), attached[it["attached"]], by(it["claim"]))
            for it in shown
        ]
        table(("name", "workspace", "windows", "attached", "claimed"), rows)
    else:
        note("There are none. tmux new -s main makes one.")


def claim(
    ctx: typer.Context,
    session: Named,
    release: Annotated[bool, typer.Option("--release", help="give it back")] = False,
    url: Url = None,
    user: As = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """Claim a session, so that only you can type into it; or claim it for longer."""
    with signed_in(ctx, url, user, login, invite) as client:
        path = f"/api/sessions/{quote(find(client, session), safe='')}/claim"
        said = ask(client, "DELETE" if release else "POST", path)
    say(f"{session} is free" if release else f"{session} is yours until {plain_time(said['claim']['expiresAt'])}")


def attach(
    ctx: typer.Context,
    session: Named,
    pane: Pane = None,
    look: Look = False,
    url: Url = None,
    user: As = None,
    login: Login = None,
    invite: Invite = None,
) -> None:
    """See a session here, and type into it. Ctrl-] leaves it."""
    from interfaces.cli.terminal import Terminal, run

    terminal = Terminal()
    with signed_in(ctx, url, user, login, invite) as client:
        name = quote(find(client, session), safe="")
        path = f"/api/sessions/{name}/claim"
        mine = False
        if not look:
            try:
                ask(client, "POST", path)
                mine = True
            except Stop as no:
                note(f"{no}: you can look")
        try:
            server = str(client.base_url).replace("http", "ws", 1).rstrip("/")
            which = f"?pane={pane}" if pane is not None else ""
            address = f"{server}/ws/terminal/{name}{which}"
            why = run(terminal, address, client.cookies[COOKIE])
        finally:
            if mine:
                client.request("DELETE", path)
    note(why)


def find(client: httpx.Client, named: str) -> str:
    """The session of this name; or else that of the workspace of this name, if only one of the caller's has it."""
    if any(it["name"] == named for it in ask(client, "GET", "/api/sessions")["sessions"]):
        return named
    found = [str(it["id"]) for it in ask(client, "GET", "/api/v1/workspaces") if it["name"] == named]
    if len(found) > 1:
        raise Stop(f"{len(found)} of your workspaces are called {named}; name one by its id: {', '.join(found)}")
    return found[0] if found else named


def by(it: dict[str, Any] | None) -> str:
    return f"by {it['userName']}, until {plain_time(it['expiresAt'])}" if it else ""


@contextmanager
def signed_in(
    ctx: typer.Context, url: str | None, user: str | None, login: str | None, invite: str | None
) -> Iterator[httpx.Client]:
    """A client with a cookie: the one that is given, or one that a name gets, where a name signs in."""
    with closing(cookie_of(url or ctx.obj.url(), user, login, invite)) as client:
        yield client
        if not login:
            client.post("/auth/logout")


def cookie_of(url: str, user: str | None, login: str | None, invite: str | None) -> httpx.Client:
    import httpx

    at = url.rstrip("/")
    local = urlsplit(at).hostname in ("127.0.0.1", "localhost", "::1")
    try:
        client = httpx.Client(base_url=at, timeout=30, trust_env=not local)
        if login:
            client.cookies.set(COOKIE, login)
            return client
        name = {"name": user or getpass.getuser()} | ({"invite": invite} if invite else {})
        came = client.get("/auth/dev", params=name)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        raise Stop(f"{at} is no address of a server; write one such as http://127.0.0.1:3000") from None
    except httpx.TransportError as error:
        raise Stop(f"Tenure does not answer at {at}: {error}; name another with --url") from None
    if why := parse_qs(urlsplit(came.headers.get("location", "")).query).get("error"):
        raise Stop(f"{name['name']} is not let in: {why[0].replace('_', ' ')}")
    if COOKIE not in client.cookies:
        raise Stop(f"a name does not sign in at {at}; give --login the cookie {COOKIE} of a browser that has signed in")
    return client


def ask(client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    import httpx

    try:
        answer = client.request(method, path, json=body)
        said = answer.json()
    except httpx.TransportError as error:
        raise Stop(f"the connection was lost: {error}") from None
    except ValueError:
        raise Stop(f"{client.base_url} answers, but not as Tenure does; name another with --url") from None
    if answer.is_error:
        raise Stop(said.get("message", said.get("error", "it was refused")))
    return said
