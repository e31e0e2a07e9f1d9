"""The first one here, by whichever door, owns the place and administers its virtual machines."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.access import Cause
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.vm_accounts import Numbers
from domain.aggregate import Aggregate
from domain.errors import NotFound
from domain.user import Place
from domain.user_type import UserType
from domain.vm_account import VmAccount, VmAdministrators


async def founded(platform: Platform) -> Place | None:
    """That there is an owner, if there is."""
    try:
        return await platform.load(Place, Place.id_of())
    except NotFound:
        return None


def founding(user_id: UUID, number: int, now: datetime) -> list[Aggregate]:
    """What is stored with the user who is first. `number` is their id with virtual machines."""
    return [Place(id=Place.id_of(), at=now, owner_id=user_id), *administering(user_id, number, now)]


def administering(user_id: UUID, number: int, now: datetime) -> list[Aggregate]:
    administrators = VmAdministrators(id=VmAdministrators.id_of(), at=now)
    administrators.appoint(user_id, now)
    return [VmAccount.open(user_id, number, UserType.ADMINISTRATOR, now), administrators]


@dataclass(frozen=True)
class Founding:
    platform: Platform
    clock: Clock
    numbers: Numbers

    async def complete(self) -> None:
        """Let the owner of a place that was founded before it had virtual machines administer them."""
        place = await founded(self.platform)
        if place is None:
            return
        try:
            await self.platform.load(VmAdministrators, VmAdministrators.id_of())
        except NotFound:
            with suppress(ConcurrentUpdate):  # another replica does the same
                made = administering(place.owner_id, await self.numbers(), self.clock())
                await self.platform.commit(Cause(), *made)
