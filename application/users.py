"""Members of this installation: roles, removal, and forgetting."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause, require
from application.account_closure import close_vm_account
from application.claim_release import ClaimRelease, lost_by_removal, lost_by_role
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.people import Profiles
from domain.aggregate import Aggregate
from domain.role import Role
from domain.user import User


@dataclass(frozen=True)
class Users:
    """Commands on members."""

    platform: Platform
    clock: Clock
    profiles: Profiles
    claim_release: ClaimRelease

    async def change_role(self, actor: Actor, id: UUID, role: str) -> User:
        """Give a user another role. It takes effect at once, on open connections too.

        Claims that the role does not allow are released in the same commit.
        """
        manager_role = require_manager(actor)

        async def change(user: User) -> list[Aggregate]:
            user.change_role(role, by=actor.user_id, actor_role=manager_role, now=self.clock())
            return await self.claim_release.released(id, lost_by_role(id, user.role))

        user = await self.platform.change_with(actor.cause, User, id, change)
        await self.claim_release.release_late(actor.cause, id, lost_by_role(id, user.role))
        return user

    async def remove(self, actor: Actor, id: UUID) -> None:
        """Remove a user, with everything that names them. Their claims are released in the same commit."""
        manager_role = require_manager(actor)

        async def remove(user: User) -> list[Aggregate]:
            user.remove(by=actor.user_id, actor_role=manager_role, now=self.clock())
            closed = await close_vm_account(self.platform, id, self.clock())
            return [*closed, *await self.claim_release.released(id, lost_by_removal)]

        await self.platform.change_with(actor.cause, User, id, remove)
        await self.claim_release.release_late(actor.cause, id, lost_by_removal)
        await self.profiles.forget(id)  # at once; the process repeats it after a crash

    async def forget(self, id: UUID, cause: Cause) -> None:
        """Delete everything that names a removed user; asked by the process."""
        await self.profiles.forget(id)
        await self.platform.change(cause, User, id, lambda user: user.forget(self.clock()))


def require_manager(actor: Actor) -> Role:
    """The role of an actor who may manage users. Raises `NotAllowed`."""
    require(actor, "user.manage")
    assert actor.role is not None, "the permission table asks for a role"
    return actor.role
