"""A seat: a place in a workshop, with a machine while the workshop runs, and at most one learner."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.errors import Conflict, Invalid, NotFound

MAX_SEATS = 10  # in one workshop
MAX_MACHINE_TRIES = 3  # machines that a seat is given, one after another, until its workshop gives up on it


class NoSeats(Conflict):
    """Every seat is taken."""

    code = "no_seats"


class NoSuchSession(NotFound):
    """No learner of this workshop has this reconnect code."""

    code = "session_not_found"


@dataclass
class Seat:
    machine_id: UUID | None = None  # the workspace that it is; None: to be requested
    ready: bool = False
    failures: int = 0  # in a row
    learner_id: UUID | None = None

    @property
    def lacks_machine(self) -> bool:
        """It is to have one; not so any more, where several have failed."""
        return self.machine_id is None and self.failures < MAX_MACHINE_TRIES

    def fails(self) -> None:
        self.machine_id, self.ready, self.failures = None, False, self.failures + 1

    @property
    def free(self) -> bool:
        return self.ready and self.learner_id is None


def validate_seat_count(seats: int) -> int:
    """How many a workshop is to have. `Invalid` if it cannot have that many."""
    if not 1 <= seats <= MAX_SEATS:
        raise Invalid(f"seats must be 1 to {MAX_SEATS}")
    return seats


def parse_seat(text: str) -> int:
    """The seat that is written like this: `1` and `01` are the same. `Invalid` for what is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= MAX_SEATS):
        raise Invalid(f"a seat is a number from 1 to {MAX_SEATS}")
    return int(text)
