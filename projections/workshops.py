"""Workshops, each with its seats."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from domain.workshop import Workshop
from domain.workshop_status import Status
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table workshops (
    id uuid primary key,
    owner_id uuid not null,
    number text not null,
    name text not null,
    code text not null,
    status text not null,
    created_at timestamptz not null,
    seats jsonb not null,
    expires_at timestamptz,
    error text
);
create index workshops_owner on workshops (owner_id, created_at desc, id);
create unique index workshops_number on workshops (number);
"""


class SeatState(TypedDict):
    """A seat in a workshop's row, JSON values only."""

    seat: int
    machine_id: str | None
    ready: bool
    error: str | None  # why its last machine failed
    learner_id: str | None
    joined_at: str | None


@dataclass(frozen=True)
class WorkshopRow:
    id: UUID
    owner_id: UUID
    number: str
    name: str
    code: str
    status: str
    created_at: datetime
    seats: list[SeatState] = field(default_factory=list)
    expires_at: datetime | None = None
    error: str | None = None  # why the last start failed


SEAT_EVENTS = (Workshop.SeatRequested, Workshop.SeatReady, Workshop.SeatFailed, Workshop.Joined, Workshop.SeatEnded)


def evolve(row: WorkshopRow | None, event: Any) -> WorkshopRow | None:
    match row, event:
        case None, Workshop.Created(originator_id=id, at=at):
            seats = [empty_seat(number) for number in range(1, event.seats + 1)]
            return WorkshopRow(id, event.owner_id, event.number, event.name, event.code, Status.CREATED, at, seats)
        case None, _:
            return None
        case _, Workshop.StartRequested(expires_at=ends):
            return replace(row, status=Status.PROVISIONING, expires_at=ends, error=None)
        case _, Workshop.Started():
            return replace(row, status=Status.RUNNING)
        case _, Workshop.Extended(expires_at=ends):
            return replace(row, expires_at=ends)
        case _, Workshop.StartFailed(reason=reason):
            return replace(emptied(row), error=f"seat {event.seat}: {reason}")
        case _, Workshop.StopRequested() | Workshop.Expired():
            return emptied(row)
        case _, Workshop.Stopped():
            return replace(row, status=Status.STOPPED)
        case _, Workshop.Deleted():
            return None
        case WorkshopRow(), _ if isinstance(event, SEAT_EVENTS):
            seats = [evolve_seat(seat, event) if seat["seat"] == event.seat else seat for seat in row.seats]
            return replace(row, seats=seats)
    return row


def evolve_seat(seat: SeatState, event: Any) -> SeatState:
    """The seat after an event about it."""
    match event:
        case Workshop.SeatRequested(machine_id=machine_id):
            return {**seat, "machine_id": str(machine_id), "ready": False}
        case Workshop.SeatReady():
            return {**seat, "ready": True, "error": None}
        case Workshop.SeatFailed(reason=reason):
            return {**seat, "machine_id": None, "ready": False, "error": reason}
        case Workshop.Joined(learner_id=learner_id, at=at):
            return {**seat, "learner_id": str(learner_id), "joined_at": at.isoformat()}
        case Workshop.SeatEnded():
            return empty_seat(seat["seat"])
    return seat


def empty_seat(number: int) -> SeatState:
    return {
        "seat": number,
        "machine_id": None,
        "ready": False,
        "error": None,
        "learner_id": None,
        "joined_at": None,
    }


def emptied(row: WorkshopRow) -> WorkshopRow:
    """The row of a workshop that stops: every seat is empty."""
    seats = [empty_seat(seat["seat"]) for seat in row.seats]
    return replace(row, status=Status.STOPPING, seats=seats, expires_at=None)


TABLE = Table("workshops", WorkshopRow, DDL, evolve)


async def list_owned_by(queries: Queries, owner_id: UUID) -> QueryResult[WorkshopRow]:
    """Newest first."""
    sql = "select * from workshops where owner_id = %s order by created_at desc, id"
    return await queries.select(WorkshopRow, sql, (owner_id,))


async def get_by_number(queries: Queries, number: str) -> WorkshopRow | None:
    return (await queries.select(WorkshopRow, "select * from workshops where number = %s", (number,))).first
