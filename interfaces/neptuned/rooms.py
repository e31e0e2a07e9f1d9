"""Who watches a machine, whose turn it is to use it, and who waits for theirs.

Whose turn it is is in the log, so that it is one person's, whatever server they are on. Those who wait do so here: in
the order in which they came, and when the turn is free the first of them takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.requests import HTTPConnection

from application.access import TENURE, Actor
from application.ports.consoles import ConsoleViewer
from application.ports.displays import Act
from application.ports.errors import Unavailable
from domain.claim import Claim
from domain.errors import Conflict, NotFound, Refused
from interfaces.http.display_messages import message
from interfaces.neptuned.deps import NeptunedDeps, neptuned_deps
from projections.stream_reader import CutOff

NOT_YOURS = "it is somebody else's turn; ask for yours with turn/take"


@dataclass(eq=False)
class Member:
    """One browser of somebody who watches."""

    actor: Actor
    viewer: ConsoleViewer


@dataclass
class Room:
    """Of one machine."""

    deps: NeptunedDeps
    vm: UUID
    members: list[Member] = field(default_factory=list)
    waiting: list[Member] = field(default_factory=list)
    held: tuple[UUID, datetime] | None = None  # by whom, until when
    task: asyncio.Task[None] | None = None
    _deciding: asyncio.Lock = field(default_factory=asyncio.Lock)

    def holds(self, member: Member) -> bool:
        return self.held is not None and self.held[0] == member.actor.user_id and self.held[1] > self.deps.clock()

    @property
    def _is_taken(self) -> bool:
        """By somebody, or by who waits for it."""
        return bool(self.waiting) or (self.held is not None and self.held[1] > self.deps.clock())

    # -- what is asked -----------------------------------------------------------

    async def act(self, member: Member, it: Act) -> None:
        """`Conflict` when it is somebody else's turn. Whoever does something while it is nobody's takes it."""
        if not self.holds(member) and (self._is_taken or not await self._take(member)):
            if it.kind == "move":
                return  # a mouse that moves over the picture asks for nothing
            raise Conflict(NOT_YOURS)
        if not self.waiting and self.held:
            lasts = self.deps.turns.lasts
            if self.held[1] - self.deps.clock() < lasts / 2:
                await self.deps.turns.prolong(member.actor, self.vm)
                await self._look()
        await member.viewer.act(it)

    async def ask(self, member: Member) -> None:
        """For a turn: now, or when it comes to them."""
        has = self.holds(member) or member in self.waiting
        if not has and (self._is_taken or not await self._take(member)):
            self.waiting.append(member)
        self.tell()

    async def give_up(self, member: Member) -> None:
        if member in self.waiting:
            self.waiting.remove(member)
        await member.viewer.release_all()
        if self.holds(member):
            await self.deps.turns.give_up(member.actor, self.vm)
            await self._look()
        self.tell()

    async def _take(self, member: Member) -> bool:
        async with self._deciding:
            taken = self.holds(member) or await self.deps.turns.take(member.actor, self.vm)
            self.held = await self.deps.turns.holder(self.vm)
        if taken:
            self.tell()
        return taken

    # -- what happens ------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled: follow whose turn it is, on whatever server that is decided."""
        while True:
            with suppress(CutOff, Unavailable):
                await self._look()
                async with aclosing(self.deps.hub.follow(TENURE, Claim.id_of(self.vm), None)) as told:
                    async for _ in told:
                        await self._look()
            await asyncio.sleep(1)

    async def _look(self) -> None:
        before, self.held = self.held, await self.deps.turns.holder(self.vm)
        if before and (self.held is None or self.held[0] != before[0]):
            for member in self.members:
                if member.actor.user_id == before[0]:
                    with suppress(NotFound):
                        await member.viewer.release_all()
        while self.held is None and self.waiting:
            first = self.waiting.pop(0)
            with suppress(Refused):
                if not await self._take(first):
                    self.waiting.insert(0, first)
                    break
        self.tell()

    def tell(self) -> None:
        for member in self.members:
            member.viewer.send(message("turn", self.turn_of(member)))

    def turn_of(self, member: Member) -> dict[str, Any]:
        return {
            "yours": self.holds(member),
            "until": self.held[1] if self.held else None,
            "waiting": len(self.waiting),
            "place": self.waiting.index(member) + 1 if member in self.waiting else None,
        }


class Rooms:
    """Of this process."""

    def __init__(self, deps: NeptunedDeps) -> None:
        self._deps = deps
        self._open: dict[UUID, Room] = {}

    @asynccontextmanager
    async def inside(self, vm: UUID, actor: Actor, viewer: ConsoleViewer) -> AsyncIterator[tuple[Room, Member]]:
        room = self._open.setdefault(vm, Room(self._deps, vm))
        if room.task is None:
            room.task = asyncio.create_task(room.run())
        member = Member(actor, viewer)
        room.members.append(member)
        try:
            yield room, member
        finally:
            room.members.remove(member)
            others = any(it.actor.user_id == actor.user_id for it in room.members)
            with suppress(NotFound, Unavailable):
                if others and member in room.waiting:
                    room.waiting.remove(member)
                elif not others:
                    await room.give_up(member)
            if not room.members:
                self._open.pop(vm, None)
                room.task.cancel()


def rooms(connection: HTTPConnection) -> Rooms:
    state = connection.app.state
    if not hasattr(state, "rooms"):
        state.rooms = Rooms(neptuned_deps(connection))
    found: Rooms = state.rooms
    return found
