"""Parked work: what failed too often waits for an administrator.

when                    then
Parked, ParkedAgain     park
Retried                 try again, as if it were new
Dropped                 drop
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Drop, Park, Retry, Step
from domain.work import Work


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of parked work."""
    match event:
        case (
            Work.Parked(command=command, subject=subject, attempts=attempts, error=error)
            | Work.ParkedAgain(command=command, subject=subject, attempts=attempts, error=error)
        ):
            yield Park(command, subject, attempts, error)
        case Work.Retried(command=command, subject=subject):
            yield Retry(command, subject)
        case Work.Dropped(command=command, subject=subject):
            yield Drop(command, subject)
