"""A workshop: a classroom of a few seats that learners join with a code. The machines of its seats are workspaces.

A machine's id follows from the workshop, the seat, and the number of machines that the seats have had. Learners are
ids here: their names and reconnect codes are rows outside the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate, term
from domain.errors import NotFound
from domain.name import validate_name
from domain.seat import MAX_MACHINE_TRIES, NoSeats, NoSuchSession, Seat, validate_seat_count
from domain.workshop_status import OPEN, AlreadyRunning, NotRunning, Status

NAMESPACE = UUID("5e9f6a6e-7a42-5d7f-9d3a-1f6f3b0b9c11")


class Workshop(aggregate.Aggregate):
    """A workshop: its seats, its machines and its learners."""

    error: str | None
    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event): ...

    class Created(aggregate.Aggregate.Created):
        """A workshop was created."""

        owner_id: UUID
        number: str  # what people call it: "ws-" and six letters
        name: str
        seats: int
        code: str

    class StartRequested(Event):
        """The workshop was started. Each seat gets a machine next."""

        expires_at: datetime
        warns_at: datetime

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["warns_at"] = term.warning_at(state["at"], state["expires_at"])  # the lead could not be set

    class SeatRequested(Event):
        """A machine for a seat was requested."""

        seat: int
        machine_id: UUID

    class SeatReady(Event):
        """A seat's machine runs."""

        seat: int
        machine_id: UUID

    class SeatFailed(Event):
        """A seat's machine could not be made, or was lost."""

        seat: int
        machine_id: UUID
        reason: str

    class SeatCleared(Event):
        """Nothing is left of a machine that a seat had."""

        seat: int
        machine_id: UUID

    class Started(Event):
        """Every seat has a machine: learners can join."""

    class StartFailed(Event):
        """A seat failed too often. The other machines are taken back."""

        seat: int
        reason: str

    class StopRequested(Event):
        """The workshop was stopped. Its machines are taken back next."""

    class Emptied(Event):
        """No machine is left."""

    class Stopped(Event):
        """Nothing is left of the workshop on the engine, its network included."""

    class Joined(Event):
        """A learner joined, and has a seat."""

        seat: int
        learner_id: UUID

    class Rejoined(Event):
        """A learner came back to their seat."""

        seat: int
        learner_id: UUID

    class SeatEnded(Event):
        """A seat was freed. Its machine is replaced next."""

        seat: int
        learner_id: UUID
        machine_id: UUID | None

    class Extended(Event):
        """The workshop's time was made longer."""

        expires_at: datetime
        warns_at: datetime

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["warns_at"] = term.warning_at(state["at"], state["expires_at"])  # the lead could not be set

    class Warned(Event):
        """The workshop ends soon."""

        expires_at: datetime

    class Expired(Event):
        """The workshop's time is over. Its machines are taken back next."""

    class Deleted(Event):
        """The workshop was deleted. Its machines are taken back next."""

    @staticmethod
    def id_of(number: str) -> UUID:
        return uuid5(NAMESPACE, number)

    STATE_NAMES = MappingProxyType({"live_machines": "standing"})

    # -- commands --------------------------------------------------------------

    @classmethod
    def create(cls, *, owner_id: UUID, number: str, name: str, seats: int, code: str, now: datetime) -> Workshop:
        """A new workshop. Raises `Invalid`."""
        return cls(
            id=cls.id_of(number),
            at=now,
            owner_id=owner_id,
            number=number,
            name=validate_name(name),
            seats=validate_seat_count(seats),
            code=code,
        )

    def start(self, duration: timedelta, now: datetime, warning_lead: timedelta = term.WARNING_LEAD) -> None:
        self._require_present()
        if self.status not in (Status.CREATED, Status.STOPPED):
            raise AlreadyRunning(f"the workshop is {self.status}")
        self._start_requested(now, now + duration, term.warning_at(now, now + duration, warning_lead))

    def stop(self, now: datetime) -> None:
        self._require_running()
        self._stop_requested(now)
        self._empty_if_no_machine(now)

    def delete(self, now: datetime) -> None:
        self._require_present()
        self._deleted(now)
        self._empty_if_no_machine(now)

    def extend(
        self, seconds: int, max_term: timedelta, now: datetime, warning_lead: timedelta = term.WARNING_LEAD
    ) -> None:
        """Make the term longer, as `term.extend` counts. Raises `NotRunning`, `Invalid`."""
        self._require_present()
        if self.status not in OPEN or self.expires_at is None:
            raise NotRunning(f"the workshop is {self.status}; only one that runs can be extended")
        expires_at = term.extend(self.expires_at, seconds, max_term, now)
        self._extended(now, expires_at, term.warning_at(now, expires_at, warning_lead))

    def join(self, learner_id: UUID, now: datetime) -> int:
        """Give the learner the first free seat, and return its number. Raises `NotRunning`, `NoSeats`."""
        self._require_running()
        seat = next((number for number, seat in self.seats.items() if seat.free), None)
        if seat is None:
            raise NoSeats("the workshop is full")
        self._joined(now, seat, learner_id)
        return seat

    def rejoin(self, learner_id: UUID | None, now: datetime) -> int:
        """Return the number of the learner's seat. Raises `NotRunning`, `NoSuchSession`."""
        self._require_running()
        seat = next((n for n, seat in self.seats.items() if learner_id and seat.learner_id == learner_id), None)
        if not seat or not learner_id:
            raise NoSuchSession("nobody here has this reconnect code")
        self._rejoined(now, seat, learner_id)
        return seat

    def end_seat(self, number: int, now: datetime) -> UUID | None:
        """Free a seat, and return its machine, which must be deleted: the next learner must not find these files."""
        self._require_running()
        if (seat := self.seats.get(number)) is None or seat.learner_id is None:
            raise NotFound("this seat is free: there is no learner to remove")
        self._seat_ended(now, number, seat.learner_id, machine_id := seat.machine_id)
        return machine_id

    # -- reports and due times: never refused, and without effect the second time ---

    def request_machines(self, now: datetime) -> dict[int, UUID]:
        """Request a machine for every seat that lacks one. Returns the machine ids, by seat."""
        requested: dict[int, UUID] = {}
        for number in [n for n, seat in self.seats.items() if self.status in OPEN and seat.lacks_machine]:
            requested[number] = uuid5(self.id, f"{number}/{self.machines + 1}")
            self._seat_requested(now, number, requested[number])
        return requested

    def machine_ready(self, machine_id: UUID, now: datetime) -> None:
        for number, seat in self._seats_with(machine_id):
            if not seat.ready:
                self._seat_ready(now, number, machine_id)
                if self.status == Status.PROVISIONING and all(seat.ready for seat in self.seats.values()):
                    self._started(now)

    def machine_failed(self, machine_id: UUID, reason: str, now: datetime) -> None:
        for number, seat in self._seats_with(machine_id):
            self._seat_failed(now, number, machine_id, reason)
            if self.status == Status.PROVISIONING and seat.failures >= MAX_MACHINE_TRIES:
                self._start_failed(now, number, reason)

    def machine_gone(self, machine_id: UUID, now: datetime) -> None:
        if machine_id in self.live_machines:
            self._seat_cleared(now, self.live_machines[machine_id], machine_id)
            self._empty_if_no_machine(now)

    def warn(self, now: datetime) -> None:
        if self.status in OPEN and self.expires_at and self.warn_at and self.warn_at <= now:
            self._warned(now, self.expires_at)

    def expire(self, now: datetime) -> None:
        if self.status in OPEN and self.expires_at and self.expires_at <= now:
            self.warn(now)
            self._expired(now)
            self._empty_if_no_machine(now)

    def stopped(self, now: datetime) -> None:
        if self.status == Status.STOPPING and not self.live_machines:
            self._stopped(now)

    # -- state: never refuses, never reads a clock ------------------------------

    @event(Created)
    def __init__(self, id: UUID, at: datetime, owner_id: UUID, number: str, name: str, seats: int, code: str) -> None:
        self._id = id
        self.owner_id, self.number, self.name, self.code = owner_id, number, name, code
        self.created_at, self.status = at, Status.CREATED
        self.machines = 0  # how many its seats have ever had
        self.live_machines: dict[UUID, int] = {}  # the seat of every machine that may still exist
        self.expires_at: datetime | None = None
        self.warn_at: datetime | None = None  # None: it does not run, or its owner was warned
        self.error, self.deleted = None, False
        self.seats = {number: Seat() for number in range(1, seats + 1)}

    @event(StartRequested)
    def _start_requested(self, at: datetime, expires_at: datetime, warns_at: datetime) -> None:
        self.status, self.error = Status.PROVISIONING, None
        self.expires_at, self.warn_at = expires_at, warns_at

    @event(SeatRequested)
    def _seat_requested(self, at: datetime, seat: int, machine_id: UUID) -> None:
        self.machines += 1
        self.seats[seat].machine_id, self.live_machines[machine_id] = machine_id, seat

    @event(SeatReady)
    def _seat_ready(self, at: datetime, seat: int, machine_id: UUID) -> None:
        self.seats[seat].ready, self.seats[seat].failures = True, 0

    @event(SeatFailed)
    def _seat_failed(self, at: datetime, seat: int, machine_id: UUID, reason: str) -> None:
        self.seats[seat].record_failure()

    @event(SeatCleared)
    def _seat_cleared(self, at: datetime, seat: int, machine_id: UUID) -> None:
        del self.live_machines[machine_id]

    @event(Started)
    def _started(self, at: datetime) -> None:
        self.status = Status.RUNNING

    @event(StartFailed)
    def _start_failed(self, at: datetime, seat: int, reason: str) -> None:
        self._begin_stopping()
        self.error = f"seat {seat}: {reason}"

    @event(StopRequested)
    def _stop_requested(self, at: datetime) -> None:
        self._begin_stopping()

    @event(Emptied)
    def _emptied(self, at: datetime) -> None: ...

    @event(Stopped)
    def _stopped(self, at: datetime) -> None:
        self.status = Status.STOPPED

    @event(Joined)
    def _joined(self, at: datetime, seat: int, learner_id: UUID) -> None:
        self.seats[seat].learner_id = learner_id

    @event(Rejoined)
    def _rejoined(self, at: datetime, seat: int, learner_id: UUID) -> None: ...

    @event(SeatEnded)
    def _seat_ended(self, at: datetime, seat: int, learner_id: UUID, machine_id: UUID | None) -> None:
        self.seats[seat] = Seat()

    @event(Extended)
    def _extended(self, at: datetime, expires_at: datetime, warns_at: datetime) -> None:
        self.expires_at, self.warn_at = expires_at, warns_at

    @event(Warned)
    def _warned(self, at: datetime, expires_at: datetime) -> None:
        self.warn_at = None

    @event(Expired)
    def _expired(self, at: datetime) -> None:
        self._begin_stopping()

    @event(Deleted)
    def _deleted(self, at: datetime) -> None:
        self.deleted = True
        self._begin_stopping()

    def _begin_stopping(self) -> None:
        """Every seat is empty from now on. Its machines are deleted next."""
        self.status, self.expires_at, self.warn_at = Status.STOPPING, None, None
        self.seats = {number: Seat() for number in self.seats}

    def _seats_with(self, machine_id: UUID) -> Iterator[tuple[int, Seat]]:
        return ((n, seat) for n, seat in list(self.seats.items()) if seat.machine_id == machine_id)

    def _empty_if_no_machine(self, now: datetime) -> None:
        if self.status == Status.STOPPING and not self.live_machines:
            self._emptied(now)

    def _require_present(self) -> None:
        if self.deleted:
            raise NotFound("no such workshop")

    def _require_running(self) -> None:
        self._require_present()
        if self.status != Status.RUNNING:
            raise NotRunning(f"the workshop is {self.status}")
