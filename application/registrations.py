"""Registrations: an access code before a workshop runs, and a seat for it once it does."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Cause
from application.guesses import count_wrong_guess
from application.instructors import normalize_email
from application.platform import ConcurrentUpdate, Platform
from application.ports.workshops import Registration, Registrations
from application.seats import Seats, TakenSeat
from domain.errors import Gone
from domain.name import validate_name
from domain.seat import NoSuchSession
from domain.unique_name import Code
from domain.workshop import Workshop
from domain.workshop_status import Status

ACCESS_GROUP_CHARS = 3  # of an access code before its hyphen


@dataclass(frozen=True)
class AccessCode:
    """What a registration is answered with. `text` is empty for an address that is registered under another name."""

    text: str
    is_new: bool


@dataclass(frozen=True)
class Registering:
    """Commands on registrations."""

    platform: Platform
    seats: Seats
    rows: Registrations

    async def register(self, *, code: str, email: str, name: str, address: str) -> AccessCode:
        """The access code. A repeated registration under the same name gets the same one.

        Under another name there is none: an e-mail address alone must not open a seat.

        Raises `NotFound`, `Invalid`, `TooMany`.
        """
        email, name = normalize_email(email), validate_name(name)
        workshop_id = await self.seats.find(code, address)
        access_code = self.seats.labels.new_access_code()
        registration = Registration(workshop_id, self.seats.ids(), name)
        if await self.rows.add(registration, email, Code.canonical(access_code)):
            return AccessCode(access_code, is_new=True)
        if (before := await self.rows.find_by_email(workshop_id, email)) is None:
            raise ConcurrentUpdate("the registration met another one; register again")
        registration, former_code = before
        if registration.name.casefold() != name.casefold():
            await count_wrong_guess(self.seats.attempt_limiter, f"join {address}")
            return AccessCode("", is_new=False)
        if former_code is None:  # only its hash is stored, by 0.1
            await self.rows.set_code(registration.learner_id, Code.canonical(access_code))
            return AccessCode(access_code, is_new=False)
        return AccessCode(f"{former_code[:ACCESS_GROUP_CHARS]}-{former_code[ACCESS_GROUP_CHARS:]}", is_new=False)

    async def session(self, access_code: str, address: str, request_id: str) -> tuple[Workshop, str, TakenSeat | None]:
        """The workshop, the registered name, and the seat; None instead of a seat while the workshop does not run.

        Raises `NoSuchSession`, `Gone` once the workshop is deleted, `TooMany`, and what `Seats.have` raises.
        """
        registration = await self.rows.find(Code.canonical(access_code))
        if registration is None:
            await count_wrong_guess(self.seats.attempt_limiter, f"join {address}")
            raise NoSuchSession("nobody has registered with this access code")
        workshop = await self.platform.load(Workshop, registration.workshop_id)
        if workshop.deleted:
            raise Gone("the workshop has been deleted; ask its instructor for another one")
        if workshop.status != Status.RUNNING:
            return workshop, registration.name, None
        seat = await self.seats.have(
            registration.workshop_id, registration.learner_id, registration.name, Cause(request_id=request_id)
        )
        return workshop, registration.name, seat

    async def forget(self, workshop_id: UUID) -> None:
        """Delete the registrations of a workshop."""
        await self.rows.forget_workshop(workshop_id)
