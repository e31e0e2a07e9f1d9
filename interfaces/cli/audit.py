"""`tenure audit` and `tenure rebuild`: on the database itself, whether or not a server is running."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from uuid import UUID

import typer

from interfaces.cli.commands import takes_settings
from interfaces.cli.host import Flags, Host, Log, Stop
from interfaces.cli.output import AsJson, note, plain_time, render_facts, say

if TYPE_CHECKING:
    from projections.trail import Filter

DATABASE_SETTINGS = ("home", "database_url", "config")
TIME_MESSAGE = "{} must be a time such as 2030-01-16T10:30:00Z"
Subject = Annotated[str | None, typer.Option(metavar="ID", help="entries about this subject only")]
Kind = Annotated[
    str | None,
    typer.Option(help="entries of this kind only, such as workspace.expired; workspace for all kinds of workspace"),
]
ActorName = Annotated[
    str | None, typer.Option("--actor", metavar="USER", help="entries by this user only, by id or name")
]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="entries at this time or later")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="entries before this time")]
After = Annotated[int, typer.Option(metavar="POSITION", min=0, help="entries after this position")]
Limit = Annotated[int | None, typer.Option(min=1, help="how many entries at most; none: all")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="go on with new entries, until Ctrl-C")]
At = Annotated[str | None, typer.Option(metavar="TIME|POSITION", help="the time or position to show; none: now")]
Ndjson = Annotated[bool, typer.Option("--json", help="print one line of JSON for each entry (NDJSON), for programs")]


class FilterOptions(NamedTuple):
    """The options of `tenure audit log` that choose entries, as they were typed."""

    subject: str | None
    kind: str | None
    actor: str | None
    since: str | None
    until: str | None


@takes_settings(*DATABASE_SETTINGS)
def log(
    ctx: typer.Context,
    flags: Flags,
    subject: Subject = None,
    kind: Kind = None,
    actor: ActorName = None,
    since: Since = None,
    until: Until = None,
    after: After = 0,
    limit: Limit = None,
    follow: Follow = False,
    as_json: Ndjson = False,
) -> None:
    """Print the history in order: each event with its time, kind, subject and actor."""
    try:
        options = FilterOptions(subject, kind, actor, since, until)
        asyncio.run(show_log(ctx.obj, flags, options, after, limit, follow, as_json))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def show_log(
    host: Host,
    flags: Flags,
    options: FilterOptions,
    after: int,
    limit: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Print the entries of the filter."""
    from interfaces.native import views
    from interfaces.native.history import entries

    count = 0
    async with host.log(flags) as history:
        warn_if_behind(history)
        filter = await parse_filter(history, options)
        while True:
            async for entry in entries(history, filter, after):
                say(views.line(entry).decode() if as_json else render_entry(entry))
                after, count = entry["position"], count + 1
                if count == limit:
                    return
            if not follow:
                return
            await history.after(max(after, history.position))


async def parse_filter(history: Log, options: FilterOptions) -> Filter:
    """The filter of these options. Raises `Stop` for an invalid one, `NotFound` for an unknown actor."""
    from interfaces.native.history import parse_time, people_named
    from projections.trail import Filter

    try:
        subject = UUID(options.subject) if options.subject else None
    except ValueError:
        raise Stop("--subject must be a UUID") from None
    return Filter(
        subject=subject,
        kind=options.kind,
        by=await people_named(history.people, options.actor) if options.actor else None,
        since=parse_time(options.since, TIME_MESSAGE.format("--since")) if options.since else None,
        until=parse_time(options.until, TIME_MESSAGE.format("--until")) if options.until else None,
    )


def render_entry(entry: dict[str, Any]) -> str:
    """An entry of the history on one line."""
    actor = render_actor(entry)
    at = plain_time(entry["at"].isoformat().replace("+00:00", "Z"))
    facts = render_facts(entry["facts"])
    return f"{entry['position']:>7}  {at}  {entry['kind']:<30}  {entry['subject']}  {actor}  {facts}".rstrip()


def render_actor(entry: dict[str, Any]) -> str:
    """The actor's name, where it is from, and the first digits of their id, since several people may have one name."""
    if entry["by"] is None:
        return "tenure"
    short_id = str(entry["by"])[:8]
    if entry["by_name"] is None:
        return f"({short_id})"
    source = f"{'self-named, ' if entry['by_self_named'] else ''}{entry['by_provider']}"
    return f"{entry['by_name']} ({source}, {short_id})"


@takes_settings(*DATABASE_SETTINGS)
def show(
    ctx: typer.Context,
    flags: Flags,
    id: Annotated[str, typer.Argument(metavar="ID", help="the id of a workspace or of another subject")],
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show a subject as it was at a time, or at a position in the log, replayed from its events."""
    asyncio.run(show_subject(ctx.obj, flags, id, at, as_json))


async def show_subject(host: Host, flags: Flags, id: str, at: str | None, as_json: bool) -> None:
    """Print the state of a subject."""
    from interfaces.native import views
    from interfaces.native.history import replay

    async with host.log(flags) as history:
        warn_if_behind(history)
        subject = await replay(history, id, at, lambda entry: True)
    if as_json:
        say(views.line(subject).decode())
        return
    say(f"{subject['kind']} {id} after {subject['version']} of its events")
    for name, value in subject["state"].items():
        if value is not None:
            say(f"  {name:<14}{value if isinstance(value, str) else views.line(value).decode().strip(chr(34))}")


def warn_if_behind(history: Log) -> None:
    """Print a remark if the newest events are missing."""
    if history.behind:
        note("The read models lag behind the log, so the newest events are missing here; see /health/ready.")


@takes_settings(*DATABASE_SETTINGS)
def rebuild(ctx: typer.Context, flags: Flags, as_json: AsJson = False) -> None:
    """Drop every read model, and fold it anew from the log. Servers may run meanwhile."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    start = perf_counter()
    columns = (TextColumn("folding"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("folding", total=None)
        count = ctx.obj.rebuild(flags, lambda count, total: progress.update(bar, completed=count, total=total))
    seconds = perf_counter() - start
    if as_json:
        say(f'{{"events": {count}, "seconds": {seconds:.3f}}}')
    else:
        say(f"Folded {count} events anew in {seconds:.1f} s.")
