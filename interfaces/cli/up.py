"""`tenure up`, `tenure worker` and `tenure config`."""

from __future__ import annotations

from urllib.parse import urlsplit

import typer

from interfaces.cli.commands import takes_settings
from interfaces.cli.host import Flags, Host, Started
from interfaces.cli.output import AsJson, say, show_json, table

EXAMPLE_BODY = '{"name": "lab", "ttl_seconds": 3600}'


@takes_settings()
def up(ctx: typer.Context, flags: Flags) -> None:
    """Start Tenure: its database, its workers and its web server, until Ctrl-C."""
    serve(ctx.obj, flags)


@takes_settings(without=("role", "bind"))
def worker(ctx: typer.Context, flags: Flags) -> None:
    """Start a Tenure that only works, without a web server, beside one that serves, on the same database."""
    serve(ctx.obj, flags | {"role": "worker"})


def serve(host: Host, flags: Flags) -> None:
    """Start Tenure, print what to know about it, and return when it has stopped."""
    host.up(flags, say, lambda started: say(greeting(started)))
    say("Stopped.")


def greeting(started: Started) -> str:
    """What to know about a Tenure that has just started."""
    serves = started.role != "worker"
    facts = [("API docs", f"{started.url}/docs")] if serves else []
    facts += [
        ("machines", "\n".join(machines(started)) if started.role != "api" else "made by the workers"),
        ("data", f"{started.home}, with its own PostgreSQL" if started.database is None else started.database),
        ("push", started.push or "in this process"),
    ]
    if serves:
        facts += [("you are", identity(started)), ("sign in", sign_in(started)), ("try", first_request(started))]
    if started.owner_link:
        facts += [
            (
                "own it",
                f"{started.owner_link}\nNobody owns this installation. Whoever signs in by this link first does.",
            )
        ]
    head = f"Tenure {started.version} serves on {started.url}" if serves else f"Tenure {started.version} works"
    lines = [typer.style(head, bold=True), ""]
    for name, text in facts:
        first, *more = text.splitlines()
        lines += [f"  {name:<10}{first}", *(f"  {'':<10}{line}" for line in more)]
    return "\n".join([*lines, "", "Ctrl-C stops it."])


def machines(started: Started) -> list[str]:
    """What machines are, in lines."""
    if started.provider != "local":
        return [f"containers of {started.machines}"]
    lines = [
        f"local, since no Docker engine is used: directories under {started.machines} and processes of this",
        "machine in tmux. They are not walled off, so they are lent on a loopback address only.",
    ]
    return lines if started.has_tmux else [*lines, "tmux is not installed, so they have no terminals."]


def identity(started: Started) -> str:
    """How a request is identified without a login."""
    by_proxy = f"{started.identity_header}, from a proxy at {started.proxies}"
    if started.dev_header:
        return f"whoever the header x-user says; or {by_proxy}" if started.proxies else "whoever the header x-user says"
    return f"whoever says {by_proxy}" if started.proxies else "whoever signs in, or has an API key"


def sign_in(started: Started) -> str:
    """Where people sign in."""
    if started.signs_in:
        return ", ".join(f"{started.url}/auth/{name}" for name in started.signs_in)
    if started.dev_login:
        return f"{started.url}/auth/dev?name=ann  with a name alone, for development: no provider is configured"
    return "nobody can: set TENURE_GITHUB_CLIENT_ID, TENURE_GOOGLE_CLIENT_ID or TENURE_OIDC_ISSUER"


def first_request(started: Started) -> str:
    """A command that creates a workspace. Under a public URL it has a key: the proxy there removes names."""
    is_direct = urlsplit(started.url).hostname in ("localhost", "127.0.0.1", "::1")
    by_name = "x-user: ann" if started.dev_header else f"{started.identity_header.lower()}: ann"
    credential = by_name if is_direct and (started.dev_header or started.proxies) else "x-api-key: tnr_..."
    headers = f"-H '{credential}' -H 'content-type: application/json'"
    return f"curl {headers} \\\n  -d '{EXAMPLE_BODY}' {started.url}/api/v1/workspaces"


@takes_settings()
def config(ctx: typer.Context, flags: Flags, as_json: AsJson = False) -> None:
    """Print every setting with its value and its source."""
    rows = ctx.obj.explain(flags)
    if as_json:
        show_json([dict(zip(("name", "value", "source"), row, strict=True)) for row in rows])
    else:
        table(("setting", "value", "source"), rows)
