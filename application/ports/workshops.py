"""What is kept of workshops beside the log: keys, learners, registrations, and seat tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Labels(Protocol):
    """New texts that nobody can guess, made to be read out; one may be taken already."""

    def number(self) -> str:
        """What people call a workshop: "ws-" and six letters."""
        ...

    def code(self) -> str:
        """What a workshop is joined with: XXXX-XXXX."""
        ...

    def odehash(self) -> str:
        """What a learner comes back with: five letters."""
        ...


class WorkshopKeys(Protocol):
    """The API key of each workshop, sealed. It is told to its machines alone."""

    async def keep(self, workshop_id: UUID, api_key: str) -> None: ...

    async def find(self, workshop_id: UUID) -> str | None:
        """`Unavailable` where this process cannot open what another has sealed."""
        ...

    async def forget(self, workshop_id: UUID) -> None: ...


@dataclass(frozen=True)
class Learner:
    """Somebody who sits, or sat, in a workshop. A row, so that it can be forgotten."""

    id: UUID
    workshop_id: UUID
    name: str
    odehash: str


class Learners(Protocol):
    async def keep(self, learner: Learner) -> bool:
        """Whether they are kept: not where somebody in the same workshop has this reconnect code."""
        ...

    async def find(self, workshop_id: UUID, odehash: str) -> UUID | None:
        """The learner who comes back with this code."""
        ...

    async def described(self, ids: Sequence[UUID]) -> dict[UUID, Learner]: ...

    async def forget(self, ids: Sequence[UUID]) -> None: ...

    async def forget_workshop(self, workshop_id: UUID) -> None:
        """All of its learners."""
        ...


@dataclass(frozen=True)
class Admission:
    """What a seat's token says."""

    workshop: str  # its number
    seat: int
    learner_id: UUID
    odehash: str


class SeatTokens(Protocol):
    """Tokens with which a learner enters their seat: signed, and verifiable by anybody with the published key."""

    async def issue(self, admission: Admission, now: datetime) -> str: ...

    async def read(self, token: str) -> Admission | None:
        """What it says, if we signed it and it has not ended. Whether its learner sits there still is another thing."""
        ...


@dataclass(frozen=True)
class Registration:
    """That somebody will come to a workshop."""

    workshop_id: UUID
    learner_id: UUID
    name: str


class Registrations(Protocol):
    async def keep(self, registration: Registration, email: str, access_code: str) -> bool:
        """Whether it is kept: not where somebody has registered for that workshop with this e-mail."""
        ...

    async def find(self, access_code: str) -> Registration | None: ...

    async def forget_workshop(self, workshop_id: UUID) -> None: ...
