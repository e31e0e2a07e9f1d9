"""Turns: of all who watch a virtual machine one may use it, for a while."""

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
class Turns:
    platform: Platform
    clock: Clock
    lasts: timedelta

    async def take(self, actor: Actor, vm: UUID) -> bool:
        """Whether it is theirs now: it was free, or theirs already and goes on."""
        require(actor, "vm.control")
        id = Claim.id_of(vm)
        try:
            if await self.platform.last_event(id) is None:
                await self.platform.commit(actor.cause, Claim.first(vm, actor.user_id, self.lasts, self.clock()))
            else:
                await self.platform.change(actor.cause, Claim, id, lambda claim: self._take(claim, actor))
        except (Claimed, ConcurrentUpdate):  # somebody else was faster
            return False
        return True

    def _take(self, claim: Claim, actor: Actor) -> None:
        claim.take(actor.user_id, self.lasts, self.clock(), may_take_over=False)

    async def go_on(self, actor: Actor, vm: UUID) -> None:
        """Whose turn it is uses the machine, and nobody waits: it lasts on."""
        await self._change(actor, vm, lambda claim: claim.used(actor.user_id, self.lasts, self.clock()))

    async def give_up(self, actor: Actor, vm: UUID) -> None:
        """If it is theirs."""

        def give_up(claim: Claim) -> None:
            if claim.holder(self.clock()) == actor.user_id:
                claim.release(actor.user_id, self.clock(), may_take_over=False)

        await self._change(actor, vm, give_up)

    async def held(self, vm: UUID) -> tuple[UUID, datetime] | None:
        """By whom, and until when."""
        return Claim.held_after(await self.platform.last_event(Claim.id_of(vm)), self.clock())

    async def _change(self, actor: Actor, vm: UUID, decide: Callable[[Claim], None]) -> None:
        if await self.platform.last_event(Claim.id_of(vm)) is not None:
            await self.platform.change(actor.cause, Claim, Claim.id_of(vm), decide)
