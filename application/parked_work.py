"""Commands on work that failed too often: the worker parks it, and administrators have it tried again, or drop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause, require
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from domain.errors import NotFound
from domain.work import Work


@dataclass(frozen=True)
class ParkedWork:
    """Parks work, and decides on what is parked."""

    platform: Platform
    clock: Clock
    is_parked: Callable[[UUID], Awaitable[bool]]  # False once it was ordered anew, or is done

    async def park(self, command: str, subject: UUID, attempts: int, error: str, cause: Cause) -> None:
        """Record that a command failed too often. `error` is the kind of its last error, and holds no secrets.

        `cause.caused_by` is the position of the event that ordered the command: work that was ordered anew meanwhile
        is not parked. Raises `Unavailable`.
        """
        id = Work.id_of(command, subject)

        async def park_again() -> None:
            await self.platform.change(cause, Work, id, lambda work: work.park_again(attempts, error, self.clock()))

        try:
            await park_again()
        except NotFound:
            work = Work(id=id, at=self.clock(), command=command, subject=subject, attempts=attempts, error=error)
            try:
                await self.platform.commit(cause, work)
            except ConcurrentUpdate:
                await park_again()

    async def retry(self, actor: Actor, id: UUID) -> Work:
        """Have parked work tried again, as if it were new. Raises `NotFound` if it is not parked."""
        return await self._decide(actor, id, lambda work: work.retry(self.clock()))

    async def drop(self, actor: Actor, id: UUID) -> Work:
        """Give parked work up for good. Raises `NotFound` if it is not parked."""
        return await self._decide(actor, id, lambda work: work.drop(self.clock()))

    async def _decide(self, actor: Actor, id: UUID, decide: Callable[[Work], None]) -> Work:
        require(actor, "work.manage")
        if not await self.is_parked(id):
            raise NotFound("no such parked work; see `tenure work list`")
        return await self.platform.change(actor.cause, Work, id, decide)
