"""Registering for a workshop before it runs, and coming when it does."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Cause
from application.instructors import address
from application.platform import Platform
from application.ports.workshops import Registration, Registrations
from application.seats import Seats, Taken
from domain.name import checked
from domain.seat import NoSuchSession
from domain.unique_name import Code
from domain.workshop import Workshop
from domain.workshop_status import Status

TRIES = 5  # of codes that somebody has


@dataclass(frozen=True)
class Registering:
    platform: Platform
    seats: Seats
    rows: Registrations

    async def register(self, *, code: str, email: str, name: str, guesser: str) -> str | None:
        """The access code, told once; None for who has registered before. Raises `NotFound`, `Invalid`, `TooMany`."""
        email, name = address(email), checked(name)
        workshop_id = await self.seats.find(code, guesser)
        access_code = self.seats.labels.code()
        asked = Registration(workshop_id, self.seats.ids(), name)
        return access_code if await self.rows.keep(asked, email, Code.canonical(access_code)) else None

    async def session(self, access_code: str, guesser: str, request_id: str) -> tuple[Workshop, str, Taken | None]:
        """The workshop, what they are called there, and their seat; None: it does not run yet."""
        await self.seats.attempt_limiter.check(guesser)
        found = await self.rows.find(Code.canonical(access_code))
        if found is None:
            await self.seats.attempt_limiter.record_failure(guesser)
            raise NoSuchSession("nobody has registered with this access code")
        workshop = await self.platform.load(Workshop, found.workshop_id)
        if workshop.status != Status.RUNNING:
            return workshop, found.name, None
        taken = await self.seats.have(found.workshop_id, found.learner_id, found.name, Cause(request_id=request_id))
        return workshop, found.name, taken

    async def forget(self, workshop_id: UUID) -> None:
        await self.rows.forget_workshop(workshop_id)
