"""The due-list: what is to be done, folded from the processes' steps. A row stays until an event says it is done.

`due_at` is when it should be done; `run_at` is when it may next be tried: later than that while a worker has it
in hand (`holder`, a lease) or after it has failed (back-off).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from application.processes import PROCESSES
from application.processes.work import Do, lane
from projections.table import as_json

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


async def fold(
    conn: AsyncConnection[Any], events: Sequence[Any], positions: Sequence[int], regions: Sequence[str]
) -> bool:
    """Apply the events, in order, each of its region. Returns whether anything is to be done that was not before."""
    left: dict[tuple[str, UUID], dict[str, Any] | None] = {}
    for event, position, region in zip(events, positions, regions, strict=True):
        for process in PROCESSES:
            for step in process(event):
                key = (step.command, step.subject)
                left[key] = row(step, event, position, region) if isinstance(step, Do) else None
    done = [{"command": command, "subject": subject} for (command, subject), do in left.items() if do is None]
    do = [asked for asked in left.values() if asked]
    if done:
        await conn.execute(DELETE, (as_json(done),))
    if do:
        await conn.execute(UPSERT, (as_json(do),))
    return bool(do)


def row(step: Do, event: Any, position: int, region: str) -> dict[str, Any]:
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
