"""Workshops: from the start to the last trace.

when                              then
StartRequested                    request machines for its seats; warn and end it when that is due
SeatRequested                     requested
SeatFailed                        request another one, a second later
SeatEnded                         request another one
StopRequested, StartFailed,       take the machines back; nothing else
Expired, Deleted
Emptied                           clear: the network and the rows of the learners
Stopped                           nothing
Extended                          warn and end it later
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from application.processes.work import Do, Done, Step
from domain.workshop import Workshop

RETRY_AFTER = timedelta(seconds=1)


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of a workshop."""
    match event:
        case Workshop.StartRequested(originator_id=id, warns_at=warns_at, expires_at=ends):
            yield Do("workshop.request_machines", id)
            yield from term(id, warns_at, ends)
        case Workshop.SeatRequested(originator_id=id):
            yield Done("workshop.request_machines", id)
        case Workshop.SeatFailed(originator_id=id, at=at):
            yield Do("workshop.request_machines", id, at + RETRY_AFTER)
        case Workshop.SeatEnded(originator_id=id):
            yield Do("workshop.request_machines", id)
        case (
            Workshop.StopRequested(originator_id=id)
            | Workshop.StartFailed(originator_id=id)
            | Workshop.Expired(originator_id=id)
            | Workshop.Deleted(originator_id=id)
        ):
            yield from all_done(id, "request_machines", "warn", "expire")
            yield Do("workshop.take_back", id)
        case Workshop.Emptied(originator_id=id):
            yield Done("workshop.take_back", id)
            yield Do("workshop.clear", id)
        case Workshop.Stopped(originator_id=id):
            yield Done("workshop.clear", id)
        case Workshop.Extended(originator_id=id, warns_at=warns_at, expires_at=ends):
            yield from term(id, warns_at, ends)
        case Workshop.Warned(originator_id=id):
            yield Done("workshop.warn", id)


def term(id: UUID, warns_at: datetime, ends: datetime) -> Iterator[Step]:
    yield Do("workshop.warn", id, warns_at)
    yield Do("workshop.expire", id, ends)


def all_done(id: UUID, *commands: str) -> Iterator[Step]:
    for command in commands:
        yield Done(f"workshop.{command}", id)
