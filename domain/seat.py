"""A seat of a workshop: a machine while the workshop runs, and at most one learner."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.errors import Conflict, Invalid, NotFound

MAX_SEATS = 10  # of one workshop
MAX_MACHINE_TRIES = 3  # machines in a row that may fail on one seat


class NoSeats(Conflict):
    """Every seat is taken."""

    code = "no_seats"


class NoSuchSession(NotFound):
    """No learner of this workshop has this reconnect code."""

    code = "session_not_found"


@dataclass
class Seat:
    machine_id: UUID | None = None  # of its workspace; None: it has none yet
    ready: bool = False
    failures: int = 0  # in a row
    learner_id: UUID | None = None

    @property
    def lacks_machine(self) -> bool:
        """Whether a machine is to be requested. False once too many have failed in a row."""
        return self.machine_id is None and self.failures < MAX_MACHINE_TRIES

    def record_failure(self) -> None:
        """Take the failed machine off the seat."""
        self.machine_id, self.ready, self.failures = None, False, self.failures + 1

    @property
    def free(self) -> bool:
        return self.ready and self.learner_id is None


def validate_seat_count(seats: int) -> int:
    """Return the number of seats. Raises `Invalid` if a workshop cannot have that many."""
    if not 1 <= seats <= MAX_SEATS:
        raise Invalid(f"seats must be 1 to {MAX_SEATS}")
    return seats


def parse_seat(text: str) -> int:
    """The number of a seat from text; `1` and `01` are the same. Raises `Invalid`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= MAX_SEATS):
        raise Invalid(f"a seat is a number from 1 to {MAX_SEATS}")
    return int(text)
