"""The due-list: commands to carry out, folded from the processes' steps. A row stays until an event ends it.

`due_at` is when a command should run. `run_at` is when a worker may next try it: later than `due_at` while a worker
holds a lease (`holder`), or after a failure (back-off). `attempts` counts every start, `failures` those that failed for
another reason than that something did not answer. Work that is parked (`parked_at`) failed too often, and is not tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from application.processes import PROCESSES
from application.processes.work import Do, Done, Drop, Park, Retry, lane
from domain.work import Work
from projections.query import Queries
from projections.table import to_jsonb

DDL = """
create table work (
    command text not null,
    subject uuid not null,
    lane text not null,
    due_at timestamptz not null,
    run_at timestamptz not null,
    caused_by bigint not null,
    attempts int not null,
    holder int,
    last_error text,
    failures int not null default 0,
    parked_at timestamptz,
    primary key (command, subject)
);
create index work_next on work (lane, run_at);
create index work_subject on work (subject);
create index work_parked on work (parked_at) where parked_at is not null;
"""
# Work that is ordered anew begins afresh: nothing of the former order stays.
UPSERT = """
insert into work select * from jsonb_populate_recordset(null::work, %s::jsonb)
on conflict (command, subject) do update set
    due_at = excluded.due_at, run_at = excluded.run_at, caused_by = excluded.caused_by,
    attempts = excluded.attempts, holder = excluded.holder, last_error = excluded.last_error,
    failures = excluded.failures, parked_at = excluded.parked_at
"""
DELETE = """
delete from work using jsonb_to_recordset(%s::jsonb) as done (command text, subject uuid)
where work.command = done.command and work.subject = done.subject
"""
STORED = "select * from work where command = %s and subject = %s"
NEVER = datetime(9000, 1, 1, tzinfo=UTC)  # when parked work may be tried; also workers of 0.1 leave it alone


class WorkRow(TypedDict):
    """A row of the due-list. Workers write the fields about attempts, too."""

    command: str
    subject: UUID
    lane: str
    due_at: datetime
    run_at: datetime
    caused_by: int
    attempts: int
    holder: int | None
    last_error: str | None
    failures: int
    parked_at: datetime | None


Key = tuple[str, UUID]  # command and subject


async def fold(
    conn: AsyncConnection[Any], events: Sequence[Any], positions: Sequence[int], regions: Sequence[str]
) -> bool:
    """Apply the events in order; `regions` has the region of each. Returns whether there is a new command to run."""
    rows: dict[Key, WorkRow | None] = {}  # that the events have written; None: deleted
    for event, position, region in zip(events, positions, regions, strict=True):
        for process in PROCESSES:
            for step in process(event):
                key = (step.command, step.subject)
                match step:
                    case Do():
                        rows[key] = row(step, event, position, region)
                    case Done():
                        rows[key] = None
                    case _:
                        before = rows[key] if key in rows else await stored_row(conn, key)
                        after = after_decision(before, step, event, position)
                        if after is not before:  # a row that stays is not written: a worker may lease it meanwhile
                            rows[key] = after
    to_delete = [{"command": command, "subject": subject} for (command, subject), left in rows.items() if not left]
    to_upsert = [left for left in rows.values() if left]
    if to_delete:
        await conn.execute(DELETE, (to_jsonb(to_delete),))
    if to_upsert:
        await conn.execute(UPSERT, (to_jsonb(to_upsert),))
    return bool(to_upsert)


def row(step: Do, event: Any, position: int, region: str) -> WorkRow:
    at = step.at or event.at
    return new_row(step.command, step.subject, lane(step.command, step.region or region), at, position)


def new_row(command: str, subject: UUID, lane: str, at: datetime, position: int) -> WorkRow:
    return {
        "command": command,
        "subject": subject,
        "lane": lane,
        "due_at": at,
        "run_at": at,
        "caused_by": position,
        "attempts": 0,
        "holder": None,
        "last_error": None,
        "failures": 0,
        "parked_at": None,
    }


def after_decision(before: WorkRow | None, step: Park | Retry | Drop, event: Any, position: int) -> WorkRow | None:
    """The row after it was parked, or after an administrator's decision on it."""
    if before is None:
        return None
    if isinstance(step, Park):
        if before["caused_by"] != event.caused_by:  # ordered anew while the last attempt was under way
            return before
        parked: WorkRow = {**before, "run_at": NEVER, "holder": None, "parked_at": event.at}
        return {**parked, "attempts": step.attempts, "last_error": step.error}
    if before["parked_at"] is None:
        return before
    if isinstance(step, Drop):
        return None
    return new_row(step.command, step.subject, before["lane"], event.at, position)


async def stored_row(conn: AsyncConnection[Any], key: Key) -> WorkRow | None:
    cur = await conn.cursor(row_factory=dict_row).execute(STORED, key)
    return cast(WorkRow | None, await cur.fetchone())


@dataclass(frozen=True)
class ParkedRow:
    """Work that failed too often, and waits for an administrator."""

    command: str
    subject: UUID
    lane: str
    due_at: datetime
    parked_at: datetime
    attempts: int
    error: str  # its kind

    @property
    def id(self) -> UUID:
        return Work.id_of(self.command, self.subject)


async def is_parked(queries: Queries, id: UUID) -> bool:
    """Whether the work with this id is parked now."""
    return any(row.id == id for row in await list_parked(queries))


async def list_parked(queries: Queries) -> list[ParkedRow]:
    """All parked work, the oldest first."""
    sql = (
        "select command, subject, lane, due_at, parked_at, attempts, last_error as error from work "
        "where parked_at is not null order by parked_at, command, subject"
    )
    return (await queries.select(ParkedRow, sql)).rows
