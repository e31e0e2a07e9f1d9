"""Owning an installation: the first owner, one-time links, another owner. The owner administers virtual machines."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.access import Cause
from application.claim_release import ClaimRelease, lost_by_role
from application.platform import MAX_ATTEMPTS, ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.owner_links import OwnerLinks
from application.ports.vm_accounts import Numbers
from domain.aggregate import Aggregate
from domain.role import Role
from domain.user import Place, User
from domain.user_type import UserType
from domain.vm_account import VmAccount, VmAdministrators

LINK_LIFETIME = timedelta(days=1)


async def find_ownership(platform: Platform) -> Place | None:
    """The ownership of this installation; None before the first owner."""
    return await platform.find(Place, Place.id_of())


def first_administrator_aggregates(user_id: UUID, number: int, now: datetime) -> list[Aggregate]:
    """What makes a user the first administrator of virtual machines."""
    administrators = VmAdministrators(id=VmAdministrators.id_of(), at=now)
    administrators.appoint(user_id, now)
    return [VmAccount.open(user_id, number, UserType.ADMINISTRATOR, now), administrators]


@dataclass(frozen=True)
class Ownership:
    """Who owns the installation."""

    platform: Platform
    clock: Clock
    numbers: Numbers
    links: OwnerLinks
    claim_release: ClaimRelease

    async def offer_link(self) -> str | None:
        """The token of a new one-time link that makes somebody the owner; None if there is an owner.

        It replaces every earlier link.
        """
        if await find_ownership(self.platform):
            return None
        return await self.links.issue(self.clock(), LINK_LIFETIME)

    async def find_link(self, token: str) -> UUID | None:
        """The id of the one-time link with this token; None for another, or once there is an owner."""
        id = await self.links.find(token, self.clock())
        return None if id is None or await find_ownership(self.platform) else id

    async def take_link(self, id: UUID) -> bool:
        """Use a one-time link up. Returns False if it is not good any more, as every link is once there is an owner."""
        return await self.links.take(id, self.clock()) and await find_ownership(self.platform) is None

    async def complete(self) -> None:
        """Make the owner of an installation that is older than virtual machines an administrator of them."""
        ownership = await find_ownership(self.platform)
        if ownership is None or await self.platform.find(VmAdministrators, VmAdministrators.id_of()):
            return
        with suppress(ConcurrentUpdate):  # another replica does the same
            aggregates = first_administrator_aggregates(ownership.owner_id, await self.numbers(), self.clock())
            await self.platform.commit(Cause(), *aggregates)

    async def first(self, user: User, account: VmAccount | None = None) -> list[Aggregate]:
        """What is stored together with the user who becomes the first owner, and the user.

        Of several who become that at once, one commit succeeds: each stores the ownership anew. `account` is their VM
        account, if that is new and not stored yet.
        """
        return await self._aggregates(Place(id=Place.id_of(), at=self.clock(), owner_id=user.id), user, account)

    async def _aggregates(self, place: Place, user: User, account: VmAccount | None = None) -> list[Aggregate]:
        now = self.clock()
        former_id = place.owner_id if place.owner_id != user.id else None
        place.transfer(user.id, now)
        user.become_owner(now)
        changed: list[Aggregate] = [place, user]
        if former_id and (former := await self.platform.find(User, former_id)):
            former.give_up_ownership(now)
            changed += [former, *await self.claim_release.released(former_id, lost_by_role(former_id, former.role))]
        account = account or await self.platform.find(VmAccount, VmAccount.id_of(user.id))
        if account is None:
            account = VmAccount.open(user.id, await self.numbers(), UserType.ADMINISTRATOR, now)
        elif account.closed_at is None:
            account.unban(now)
            account.change_type(UserType.ADMINISTRATOR, now)
        changed.append(account)
        if account.administers:  # else the former owner stays an administrator: one always stays
            changed += await self._administrators(user.id, former_id, now)
        return changed

    async def _administrators(self, owner_id: UUID, former_id: UUID | None, now: datetime) -> list[Aggregate]:
        """The administrators with the owner and without the former one, whose VM account becomes that of a user."""
        administrators = await self.platform.find(VmAdministrators, VmAdministrators.id_of())
        administrators = administrators or VmAdministrators(id=VmAdministrators.id_of(), at=now)
        administrators.appoint(owner_id, now)
        former = await self.platform.find(VmAccount, VmAccount.id_of(former_id)) if former_id else None
        if former is None or former.closed_at is not None:
            return [administrators]
        former.change_type(UserType.USER, now)
        administrators.dismiss(former.owner_id, now)
        return [administrators, former]

    async def give(self, user_id: UUID, cause: Cause) -> None:
        """Make a user the owner, whoever is. For the operator's shell: no permission is asked."""
        for _ in range(MAX_ATTEMPTS):
            user = await self.platform.find(User, user_id) or User(
                id=user_id, at=self.clock(), role=str(Role.OWNER), invite_id=None
            )
            with suppress(ConcurrentUpdate):  # it was changed meanwhile: decide again on what is true now
                place = await find_ownership(self.platform)
                aggregates = await (self._aggregates(place, user) if place else self.first(user))
                await self.platform.commit(cause, *aggregates)
                return
        raise ConcurrentUpdate("the owner was changed by others meanwhile; try again")
