"""Whether the log, the rows, the engine and the people agree on who holds what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from application.platform import Platform
from infra.wiring.schema import rebuild
from projections import read_models
from tests.support.fake_engine import Engine

LATER = ("workspace.warn", "workspace.expire", "workshop.warn", "workshop.expire")  # what may wait for its time
SINCE = timedelta(seconds=10)
ONCE = ("requested", "provisioned", "provisioning_failed", "cleared", "deleted", "expired", "destroyed")
ENDS = {"deleted", "expired"}
OUTCOMES = {"started", "stopped", "snapshot_taken", "operation_failed"}
VOLATILE = {"attempts", "run_at", "holder", "last_error"}  # how a worker fares, which no event tells


async def fetch(conn: AsyncConnection[Any], sql: str, *args: Any) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cur:
        await cur.execute(sql, args)
        return await cur.fetchall()


async def unsettled(conn: AsyncConnection[Any], now: datetime) -> list[str]:
    """What is still to be followed or to be done."""
    newest = "(select max(notification_id) from tenure_events)"
    behind = f"select 'what is not followed' as what from follower where position < {newest}"
    due = "select command || ' of ' || subject as what from work where due_at <= %s"
    # What has come up since `now` is due as well: all else waits for a term to end.
    return [row["what"] for row in [*await fetch(conn, behind), *await fetch(conn, due, now + SINCE)]]


async def disagreements(
    conn: AsyncConnection[Any],
    engine: Engine,
    workspace_ids: Mapping[str, UUID],
    given_back: Collection[UUID],
    platform: Platform,
    surprises: bool,
) -> list[str]:
    """Sentences; none if all is well. `workspace_ids` (by name) and `given_back` are what people got as answers.

    `surprises`: whether machines may have started or stopped without being asked to at that time.
    """
    rows = {row["id"]: row for row in await fetch(conn, "select * from workspaces")}
    trail = await fetch(conn, "select * from trail where kind like 'workspace.%%' order by position")
    history: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for entry in trail:
        history[entry["subject"]].append(entry)
    return [
        *lost(rows, history, workspace_ids, given_back),
        *(wrong for row in rows.values() for wrong in apart(row, engine)),
        *(f"{id} runs, and nobody holds it" for id in engine.machines if id not in rows),
        *(f"{id} has left snapshots" for id, snapshots in engine.snapshots.items() if snapshots and id not in rows),
        *(wrong for id, entries in history.items() for wrong in twice(id, entries)),
        *(() if surprises else imagined(history)),
        *classrooms(await fetch(conn, "select * from workshops"), rows, engine),
        *[f"{row['command']} of {row['subject']} is left" for row in await left(conn)],
        *await different_when_folded_anew(conn, platform),
    ]


def lost(
    rows: Mapping[UUID, Any],
    history: Mapping[UUID, list[Any]],
    workspace_ids: Mapping[str, UUID],
    given_back: Collection[UUID],
) -> Iterator[str]:
    """What was acknowledged, and is not so."""
    names = Counter(row["name"] for row in rows.values())
    yield from (f"{name} is there {times} times" for name, times in names.items() if times > 1)
    for name, id in workspace_ids.items():
        ended = ENDS & kinds(history[id])
        if (id in rows) == bool(ended):
            yield f"{name} ({id}) is {'' if id in rows else 'not '}listed, and {'has' if ended else 'has not'} ended"
        if id in given_back and not ended:
            yield f"{name} ({id}) was given back, and is not"
        if ended and "destroyed" not in kinds(history[id]):
            yield f"{name} ({id}) has ended, and is not destroyed"


def apart(row: Mapping[str, Any], engine: Engine) -> Iterator[str]:
    """Where the list says one thing of a workspace, and the engine another."""
    id, status, machine = row["id"], row["status"], engine.machines.get(row["id"])
    on_engine = "nothing" if machine is None else "running" if machine.running else "stopped"
    expected = {"running": "running", "stopped": "stopped", "failed": "nothing"}.get(status)
    if on_engine != expected:
        yield f"{id} is {status}, and on the engine there is {on_engine}"
    if machine and row["machine"]["engine_id"] != machine.engine_id:
        yield f"{id} shows another machine than it has"
    if row["operation"]:
        yield f"{id} still has a {row['operation']} under way"
    for shot in row["snapshots"]:
        stored = UUID(shot["id"]) in engine.snapshots.get(id, ())
        if shot["status"] == "taking" or (shot["status"] == "ready" and not stored):
            yield f"{id} shows a snapshot that is {shot['status']}, and the engine has {'one' if stored else 'none'}"


def classrooms(workshops: list[dict[str, Any]], rows: Mapping[UUID, Any], engine: Engine) -> Iterator[str]:
    """Where the list of workshops says one thing, and their machines and networks another."""
    networks = set(engine.on_networks)
    running = {workshop["id"] for workshop in workshops if workshop["status"] == "running"}
    yield from (f"the network of {id} is there, and it does not run" for id in networks - running)
    yield from (f"{id} runs without a network" for id in running - networks)
    for workshop in workshops:
        machines = {
            str(id) for id, row in rows.items() if row["owner_id"] == workshop["id"] and row["status"] == "running"
        }
        seats = {seat["machine_id"] for seat in workshop["seats"] if seat["ready"]}
        if workshop["status"] not in ("created", "running", "stopped"):
            yield f"{workshop['id']} is {workshop['status']} for good"
        if machines != seats or (workshop["status"] == "running") != (len(seats) == len(workshop["seats"])):
            counts = f"{len(machines)} machines, and {len(seats)} seats are ready"
            yield f"{workshop['id']} is {workshop['status']} with {counts}"


def twice(id: UUID, entries: list[dict[str, Any]]) -> Iterator[str]:
    """What can be only once, and is more often, or never comes to an end."""
    counts = Counter(entry["kind"].partition(".")[2] for entry in entries)
    yield from (f"{id} was {kind} {counts[kind]} times" for kind in ONCE if counts[kind] > 1)
    if counts["deleted"] + counts["expired"] > 1:
        yield f"{id} ended twice"
    outcomes = Counter(e["facts"]["operation_id"] for e in entries if e["kind"].partition(".")[2] in OUTCOMES)
    del outcomes[None]
    yield from (f"{operation} of {id} ended {times} times" for operation, times in outcomes.items() if times > 1)
    requested = {e["facts"]["operation_id"] for e in entries if e["kind"] == "workspace.operation_requested"}
    if not ENDS & counts.keys() and requested != outcomes.keys():
        yield f"{id} has operations without an outcome"


def imagined(history: Mapping[UUID, list[dict[str, Any]]]) -> Iterator[str]:
    """What a sweep reported and did not happen: it looked at the engine and at the log at different times."""
    for id, entries in history.items():
        for entry in entries:
            kind = entry["kind"].partition(".")[2]
            if kind in ("vanished", "adopted") or (kind == "stopped" and entry["facts"]["operation_id"] is None):
                yield f"{id} is said to have been {kind}, which it was not"


def kinds(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["kind"].partition(".")[2] for entry in entries}


async def left(conn: AsyncConnection[Any]) -> list[dict[str, Any]]:
    """Work that is neither done nor waiting for its time."""
    return await fetch(conn, "select * from work where not command = any(%s)", list(LATER))


async def different_when_folded_anew(conn: AsyncConnection[Any], platform: Platform) -> list[str]:
    """Where the rows as they were folded, in batches as they came, differ from the same events folded at once."""
    live = await contents(conn)
    await rebuild(conn, platform)
    anew = await contents(conn)
    return [f"{table} differs when it is folded anew" for table in live if live[table] != anew[table]]


async def contents(conn: AsyncConnection[Any]) -> dict[str, list[str]]:
    tables = {}
    for table in read_models.DDL:
        rows = await fetch(conn, f"select * from {table}")
        tables[table] = sorted(repr({k: v for k, v in row.items() if k not in VOLATILE}) for row in rows)
    return tables
