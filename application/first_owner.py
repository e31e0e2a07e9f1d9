"""The first user of an installation owns it and administers its virtual machines, whichever contract they came by."""

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


async def find_ownership(platform: Platform) -> Place | None:
    """The ownership of this installation; None before the first user."""
    try:
        return await platform.load(Place, Place.id_of())
    except NotFound:
        return None


def first_owner_aggregates(user_id: UUID, number: int, now: datetime) -> list[Aggregate]:
    """What is stored together with the first user. `number` is the id of their VM account."""
    return [Place(id=Place.id_of(), at=now, owner_id=user_id), *first_administrator_aggregates(user_id, number, now)]


def first_administrator_aggregates(user_id: UUID, number: int, now: datetime) -> list[Aggregate]:
    """What makes a user the first administrator of virtual machines."""
    administrators = VmAdministrators(id=VmAdministrators.id_of(), at=now)
    administrators.appoint(user_id, now)
    return [VmAccount.open(user_id, number, UserType.ADMINISTRATOR, now), administrators]


@dataclass(frozen=True)
class FirstOwner:
    """Completes the ownership of installations that are older than virtual machines."""

    platform: Platform
    clock: Clock
    numbers: Numbers

    async def complete(self) -> None:
        """Make the owner an administrator of virtual machines, if there is an owner and no administrator yet."""
        ownership = await find_ownership(self.platform)
        if ownership is None:
            return
        try:
            await self.platform.load(VmAdministrators, VmAdministrators.id_of())
        except NotFound:
            with suppress(ConcurrentUpdate):  # another replica does the same
                aggregates = first_administrator_aggregates(ownership.owner_id, await self.numbers(), self.clock())
                await self.platform.commit(Cause(), *aggregates)
