"""What can be asked of the people of the place."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause, require
from application.account_closure import closing
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.people import Profiles
from domain.aggregate import Aggregate
from domain.role import Role
from domain.user import User


@dataclass(frozen=True)
class Users:
    platform: Platform
    clock: Clock
    profiles: Profiles

    async def change_role(self, actor: Actor, id: UUID, role: str) -> User:
        """Give somebody another role. It counts from now on, also where they are connected already."""
        as_ = manager(actor)

        def change(user: User) -> None:
            user.change_role(role, by=actor.user_id, as_=as_, now=self.clock())

        return await self.platform.change(actor.cause, User, id, change)

    async def remove(self, actor: Actor, id: UUID) -> None:
        """Take somebody's account away, with everything that names them."""
        as_ = manager(actor)

        async def remove(user: User) -> list[Aggregate]:
            user.remove(by=actor.user_id, as_=as_, now=self.clock())
            return await closing(self.platform, id, self.clock())

        await self.platform.change_with(actor.cause, User, id, remove)
        await self.profiles.forget(id)  # at once; and for certain, by the process

    async def forget(self, id: UUID, cause: Cause) -> None:
        """Asked by the process of removal."""
        await self.profiles.forget(id)
        await self.platform.change(cause, User, id, lambda it: it.forget(self.clock()))


def manager(actor: Actor) -> Role:
    """The role of somebody who manages users."""
    require(actor, "user.manage")
    assert actor.role is not None, "the table asks for one"
    return actor.role
