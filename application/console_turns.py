"""Turns at the console of a virtual machine: one of its viewers may use it, for a limited time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.access import Actor, require
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from domain.claim import Claim, Claimed


@dataclass(frozen=True)
class ConsoleTurns:
    """Commands on turns. A turn is a claim of the machine; `lasts` is how long it holds without being used."""

    platform: Platform
    clock: Clock
    lasts: timedelta

    async def take(self, actor: Actor, vm: UUID) -> bool:
        """Take the turn. Returns whether the actor has it now: it was free, or the actor had it already."""
        require(actor, "vm.control")
        id = Claim.id_of(vm)
        try:
            if await self.platform.last_event(id) is None:
                await self.platform.commit(actor.cause, Claim.begin(vm, actor.user_id, self.lasts, self.clock()))
            else:
                await self.platform.change(actor.cause, Claim, id, lambda claim: self._take(claim, actor))
        except (Claimed, ConcurrentUpdate):  # somebody else was faster
            return False
        return True

    def _take(self, claim: Claim, actor: Actor) -> None:
        claim.take(actor.user_id, self.lasts, self.clock(), may_take_over=False)

    async def prolong(self, actor: Actor, vm: UUID) -> None:
        """Prolong the actor's turn: they use the machine and nobody waits."""
        await self._change(actor, vm, lambda claim: claim.renew(actor.user_id, self.lasts, self.clock()))

    async def give_up(self, actor: Actor, vm: UUID) -> None:
        """Give the turn up, if the actor has it."""

        def give_up(claim: Claim) -> None:
            if claim.holder(self.clock()) == actor.user_id:
                claim.release(actor.user_id, self.clock(), may_take_over=False)

        await self._change(actor, vm, give_up)

    async def holder(self, vm: UUID) -> tuple[UUID, datetime] | None:
        """The holder's user id and the end of the turn, read from the log; None if nobody has it now."""
        return Claim.holder_after(await self.platform.last_event(Claim.id_of(vm)), self.clock())

    async def _change(self, actor: Actor, vm: UUID, decide: Callable[[Claim], None]) -> None:
        if await self.platform.last_event(Claim.id_of(vm)) is not None:
            await self.platform.change(actor.cause, Claim, Claim.id_of(vm), decide)
