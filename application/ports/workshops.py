"""What is stored of workshops beside the log (keys, learners, registrations), their labels and seat tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Labels(Protocol):
    """Makes random texts that are easy to read out. A text may be in use already."""

    def new_number(self) -> str:
        """Return a new name of a workshop: "ws-" and six letters or digits."""
        ...

    def new_code(self) -> str:
        """Return a new code to join a workshop with: XXXX-XXXX."""
        ...

    def new_access_code(self) -> str:
        """Return a new access code of a registration: XXX-XXXX."""
        ...

    def new_odehash(self) -> str:
        """Return a new code for a learner to reconnect with: five letters or digits."""
        ...


class WorkshopKeys(Protocol):
    """The API key of each workshop, stored sealed. Only the machines of the workshop get it."""

    async def store(self, workshop_id: UUID, api_key: str) -> None:
        """Store the key. Raises `Unavailable`, also where the process that makes machines could not unseal it."""
        ...

    async def find(self, workshop_id: UUID) -> str | None:
        """Return the key, or None. Raises `Unavailable`, also where this process has another sealing secret."""
        ...

    async def forget(self, workshop_id: UUID) -> None:
        """Delete the key."""
        ...


@dataclass(frozen=True)
class Learner:
    """A person with a seat in a workshop, now or before. A row, so that it can be deleted."""

    id: UUID
    workshop_id: UUID
    name: str
    odehash: str


class Learners(Protocol):
    """Names and reconnect codes of learners. All methods raise `Unavailable`."""

    async def add(self, learner: Learner) -> bool:
        """Store the learner. Returns False if another one of the workshop has the same reconnect code."""
        ...

    async def find(self, workshop_id: UUID, odehash: str) -> UUID | None:
        """Return the learner of this workshop with this reconnect code, or None."""
        ...

    async def describe(self, ids: Sequence[UUID]) -> dict[UUID, Learner]:
        """Return these learners. Deleted ones are left out."""
        ...

    async def forget(self, ids: Sequence[UUID]) -> None:
        """Delete these learners."""
        ...

    async def forget_workshop(self, workshop_id: UUID) -> None:
        """Delete all learners of the workshop."""
        ...


@dataclass(frozen=True)
class Admission:
    """The contents of a seat token."""

    workshop: str  # its number
    seat: int
    learner_id: UUID
    odehash: str
    expires_at: datetime | None = None  # of the token; None: it is not made yet


class SeatTokens(Protocol):
    """Signed tokens that let a learner into their seat. Anybody can verify one with the published key."""

    async def issue(self, admission: Admission, now: datetime) -> str:
        """Return a new token. Raises `Unavailable`."""
        ...

    async def read(self, token: str) -> Admission | None:
        """Return the contents of a valid token; None for any other. The learner may have left the seat since."""
        ...


@dataclass(frozen=True)
class Registration:
    """A person who has registered for a workshop."""

    workshop_id: UUID
    learner_id: UUID
    name: str


class Registrations(Protocol):
    """Registrations for workshops. All methods raise `Unavailable`."""

    async def add(self, registration: Registration, email: str, access_code: str) -> bool:
        """Store the registration. Returns False if that e-mail address is registered for the workshop already."""
        ...

    async def find_by_email(self, workshop_id: UUID, email: str) -> tuple[Registration, str | None] | None:
        """Return the registration of an e-mail address with its access code, or None.

        The code is None where only its hash was stored, by 0.1.
        """
        ...

    async def set_code(self, learner_id: UUID, access_code: str) -> None:
        """Give a registration another access code."""
        ...

    async def find(self, access_code: str) -> Registration | None:
        """Return the registration with this access code, or None. The name of a forgotten one is empty."""
        ...

    async def forget_workshop(self, workshop_id: UUID) -> None:
        """Forget the people who registered for the workshop. Their access codes still lead to the workshop."""
        ...
