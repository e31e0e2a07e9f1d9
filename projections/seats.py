"""Seats of workshops: the machine and the learner of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.workshop_status import Status
from projections import workshops
from projections.query import Queries
from projections.workshops import WorkshopRow


@dataclass(frozen=True)
class SeatRow:
    workshop_id: UUID
    seat: int
    machine_id: UUID | None  # of its workspace; None: it has none now
    ready: bool
    learner_id: UUID | None
    joined_at: datetime | None


def rows_of(row: WorkshopRow) -> list[SeatRow]:
    return [
        SeatRow(
            row.id,
            s["seat"],
            UUID(s["machine_id"]) if s["machine_id"] else None,
            s["ready"],
            UUID(s["learner_id"]) if s["learner_id"] else None,
            datetime.fromisoformat(s["joined_at"]) if s["joined_at"] else None,
        )
        for s in row.seats
    ]


async def get_taken(queries: Queries, number: str, seat: int, learner_id: UUID) -> SeatRow | None:
    """The learner's seat; None if the workshop does not run, or the seat is not theirs."""
    row = await workshops.get_by_number(queries, number)
    if row is None or row.status != Status.RUNNING:
        return None
    return next((s for s in rows_of(row) if s.seat == seat and s.learner_id == learner_id), None)
