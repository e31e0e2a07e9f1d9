"""Members of this installation: roles, removal, and forgetting."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause, require
from application.account_closure import close_vm_account
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

    async def change_role(self, actor: Actor, id: UUID, role: str) -> User:
        """Give a user another role. It takes effect at once, on open connections too."""
        manager_role = require_manager(actor)

        def change(user: User) -> None:
            user.change_role(role, by=actor.user_id, actor_role=manager_role, now=self.clock())

        return await self.platform.change(actor.cause, User, id, change)

    async def remove(self, actor: Actor, id: UUID) -> None:
        """Remove a user, with everything that names them."""
        manager_role = require_manager(actor)

        async def remove(user: User) -> list[Aggregate]:
            user.remove(by=actor.user_id, actor_role=manager_role, now=self.clock())
            return await close_vm_account(self.platform, id, self.clock())

        await self.platform.change_with(actor.cause, User, id, remove)
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
