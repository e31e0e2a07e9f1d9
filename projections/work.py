"""The due-list: commands to carry out, folded from the processes' steps. A row stays until an event ends it.

`due_at` is when a command should run. `run_at` is when a worker may next try it: later than `due_at` while a worker
holds a lease (`holder`), or after a failure (back-off).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from psycopg import AsyncConnection

from application.processes import PROCESSES
from application.processes.work import Do, lane
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
    primary key (command, subject)
);
create index work_next on work (lane, run_at);
create index work_subject on work (subject);
"""
UPSERT = """
insert into work select * from jsonb_populate_recordset(null::work, %s::jsonb)
on conflict (command, subject) do update set
    due_at = excluded.due_at, run_at = excluded.run_at, caused_by = excluded.caused_by,
    attempts = 0, holder = null, last_error = null
"""
DELETE = """
delete from work using jsonb_to_recordset(%s::jsonb) as done (command text, subject uuid)
where work.command = done.command and work.subject = done.subject
"""


class WorkRow(TypedDict):
    """A row as a fold writes it. Workers write `holder` and `last_error`."""

    command: str
    subject: UUID
    lane: str
    due_at: datetime
    run_at: datetime
    caused_by: int
    attempts: int


async def fold(
    conn: AsyncConnection[Any], events: Sequence[Any], positions: Sequence[int], regions: Sequence[str]
) -> bool:
    """Apply the events in order; `regions` has the region of each. Returns whether there is a new command to run."""
    last_steps: dict[tuple[str, UUID], WorkRow | None] = {}
    for event, position, region in zip(events, positions, regions, strict=True):
        for process in PROCESSES:
            for step in process(event):
                key = (step.command, step.subject)
                last_steps[key] = row(step, event, position, region) if isinstance(step, Do) else None
    to_delete = [{"command": command, "subject": subject} for (command, subject), do in last_steps.items() if not do]
    to_upsert = [do for do in last_steps.values() if do]
    if to_delete:
        await conn.execute(DELETE, (to_jsonb(to_delete),))
    if to_upsert:
        await conn.execute(UPSERT, (to_jsonb(to_upsert),))
    return bool(to_upsert)


def row(step: Do, event: Any, position: int, region: str) -> WorkRow:
    at = step.at or event.at
    return {
        "command": step.command,
        "subject": step.subject,
        "lane": lane(step.command, step.region or region),
        "due_at": at,
        "run_at": at,
        "caused_by": position,
        "attempts": 0,
    }
