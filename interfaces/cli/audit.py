"""`tenure audit` and `tenure rebuild`: on the database itself, whether or not a server is running."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from interfaces.cli.commands import takes_settings
from interfaces.cli.host import Flags, Log, Stop
from interfaces.cli.output import AsJson, note, plain_time, say, what_it_says

if TYPE_CHECKING:
    from projections.trail import Filter

WHERE = ("home", "database_url", "config")  # settings that say which database
TIME = "{} must be a time such as 2030-01-16T10:30:00Z"
Subject = Annotated[str | None, typer.Option(metavar="ID", help="of this subject only")]
Kind = Annotated[str | None, typer.Option(help="of this kind: workspace.expired, or workspace for all of them")]
By = Annotated[str | None, typer.Option("--actor", metavar="USER", help="what this user did, by id or name")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="at this time or later")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="before this time")]
After = Annotated[int, typer.Option(metavar="POSITION", min=0, help="after this position")]
Limit = Annotated[int | None, typer.Option(min=1, help="so many at most; none: all of them")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="then go on with what happens, until Ctrl-C")]
At = Annotated[str | None, typer.Option(metavar="TIME|POSITION", help="as it was then; none: now")]
Ndjson = Annotated[bool, typer.Option("--json", help="print a line of JSON for each (NDJSON), for programs")]


@takes_settings(*WHERE)
def log(
    ctx: typer.Context,
    flags: Flags,
    subject: Subject = None,
    kind: Kind = None,
    actor: By = None,
    since: Since = None,
    until: Until = None,
    after: After = 0,
    limit: Limit = None,
    follow: Follow = False,
    as_json: Ndjson = False,
) -> None:
    """Everything that has happened, in order: what, to what, when, by whom."""
    try:
        asyncio.run(show_log(ctx.obj, flags, (subject, kind, actor, since, until), after, limit, follow, as_json))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def show_log(
    world: Any,
    flags: Flags,
    wanted: tuple[str | None, ...],
    after: int,
    limit: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    from interfaces.native import views as present
    from interfaces.native.history import entries

    shown = 0
    async with world.log(flags) as history:
        warn_if_behind(history)
        what = await filter_of(history, *wanted)
        while True:
            async for told in entries(history, what, after):
                say(present.line(told).decode() if as_json else in_words(told))
                after, shown = told["position"], shown + 1
                if shown == limit:
                    return
            if not follow:
                return
            seen = max(after, history.position)
            await history.after(seen)


async def filter_of(
    history: Log, subject: str | None, kind: str | None, actor: str | None, since: str | None, until: str | None
) -> Filter:
    from interfaces.native.history import parse_time, person
    from projections.trail import Filter

    try:
        about = UUID(subject) if subject else None
    except ValueError:
        raise Stop("--subject must be a UUID") from None
    return Filter(
        subject=about,
        kind=kind,
        by=await person(history, actor) if actor else None,
        since=parse_time(since, TIME.format("--since")) if since else None,
        until=parse_time(until, TIME.format("--until")) if until else None,
    )


def in_words(told: dict[str, Any]) -> str:
    by = told["by_name"] or told["by"] or "tenure"
    at = plain_time(told["at"].isoformat().replace("+00:00", "Z"))
    said = what_it_says(told["facts"])
    return f"{told['position']:>7}  {at}  {told['kind']:<30}  {told['subject']}  {by}  {said}".rstrip()


@takes_settings(*WHERE)
def show(
    ctx: typer.Context,
    flags: Flags,
    id: Annotated[str, typer.Argument(metavar="ID", help="the subject: a workspace, …")],
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """A subject as it was at a time, or at a position of the log: replayed from its events."""
    asyncio.run(show_subject(ctx.obj, flags, id, at, as_json))


async def show_subject(world: Any, flags: Flags, id: str, at: str | None, as_json: bool) -> None:
    from interfaces.native import views as present
    from interfaces.native.history import replay

    async with world.log(flags) as history:
        warn_if_behind(history)
        told = await replay(history, id, at, lambda holder: True)
    if as_json:
        say(present.line(told).decode())
        return
    say(f"{told['kind']} {id} after {told['version']} of its events")
    for name, value in told["state"].items():
        if value is not None:
            say(f"  {name:<14}{value if isinstance(value, str) else present.line(value).decode().strip(chr(34))}")


def warn_if_behind(history: Log) -> None:
    if history.behind:
        note("The read models lag behind the log, so the newest events are missing here; see /health/ready.")


@takes_settings(*WHERE)
def rebuild(ctx: typer.Context, flags: Flags, as_json: AsJson = False) -> None:
    """Drop every read model, and fold it anew from the log. A server may go on meanwhile."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    began = perf_counter()
    columns = (TextColumn("folding"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("folding", total=None)
        count = ctx.obj.rebuild(flags, lambda done, total: progress.update(bar, completed=done, total=total))
    seconds = perf_counter() - began
    if as_json:
        say(f'{{"events": {count}, "seconds": {seconds:.3f}}}')
    else:
        say(f"Folded {count} events anew in {seconds:.1f} s.")
