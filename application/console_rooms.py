"""The viewers of a machine's console: whose turn it is to use the machine, and who waits for a turn.

The turn is stored in the log, so one user has it, whatever server the viewers are on. The queue is in this process:
first come, first served. When the turn is free, the first of the queue takes it. Of several servers that try, one
succeeds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.access import Actor
from application.console_turns import ConsoleTurns
from application.ports.consoles import ConsoleViewer
from application.ports.displays import Act
from application.ports.errors import Unavailable
from application.ports.subject_changes import SubjectChanges
from domain.claim import Claim
from domain.errors import Conflict, NotFound, Refused

RETRY_DELAY_S = 1.0  # until the turn is followed again, after events were missed or the database was away


class NotYourTurn(Conflict):
    """Another user has the turn, or is before the actor in the queue."""


@dataclass(frozen=True)
class TurnStatus:
    """The turn at a machine, as one viewer sees it."""

    is_own: bool
    ends_at: datetime | None  # None: nobody has the turn
    waiting: int  # viewers in the queue
    place: int | None  # of this viewer in the queue; 1 is the next. None: the viewer does not wait


OnTurn = Callable[[TurnStatus], None]


@dataclass(eq=False)
class RoomMember:
    """One browser that watches a machine. A user may have several, which share the user's turn."""

    room: ConsoleRoom
    actor: Actor
    viewer: ConsoleViewer
    on_turn: OnTurn

    @property
    def turn(self) -> TurnStatus:
        """The turn as it is now."""
        return self.room.turn_of(self)

    async def act(self, act: Act) -> None:
        """Do this on the machine. Takes the turn if it is free. Raises `NotYourTurn`; a mere move is dropped instead.

        Raises `NotFound` when the machine has gone.
        """
        await self.room.act(self, act)

    async def ask_for_turn(self) -> None:
        """Take the turn if it is free, else join the queue."""
        await self.room.ask_for_turn(self)

    async def give_up_turn(self) -> None:
        """Leave the queue, release all keys, and give up the turn. Raises `NotFound` when the machine has gone."""
        await self.room.give_up_turn(self)


class ConsoleRoom:
    """The members of one machine's console on this server."""

    def __init__(self, vm: UUID, turns: ConsoleTurns, changes: SubjectChanges) -> None:
        self._vm, self._turns, self._changes = vm, turns, changes
        self._members: list[RoomMember] = []
        self._queue: list[RoomMember] = []
        self._holder: tuple[UUID, datetime] | None = None  # the user who has the turn, and its end
        self._taking = asyncio.Lock()  # one member at a time, else the second sees an old holder
        self._task: asyncio.Task[None] | None = None

    @property
    def is_empty(self) -> bool:
        return not self._members

    def turn_of(self, member: RoomMember) -> TurnStatus:
        return TurnStatus(
            is_own=self._has_turn(member),
            ends_at=self._holder[1] if self._holder else None,
            waiting=len(self._queue),
            place=self._queue.index(member) + 1 if member in self._queue else None,
        )

    def _has_turn(self, member: RoomMember) -> bool:
        return (
            self._holder is not None
            and self._holder[0] == member.actor.user_id
            and self._holder[1] > self._turns.clock()
        )

    @property
    def _is_free(self) -> bool:
        """Nobody has the turn, and nobody waits for it."""
        return not self._queue and (self._holder is None or self._holder[1] <= self._turns.clock())

    # -- commands ----------------------------------------------------------------

    async def act(self, member: RoomMember, act: Act) -> None:
        if not self._has_turn(member) and not (self._is_free and await self._take(member)):
            if act.kind == "move":
                return  # a mouse that crosses the picture is no request for the turn
            raise NotYourTurn("another user has the turn")
        if not self._queue and self._holder and self._holder[1] - self._turns.clock() < self._turns.lasts / 2:
            await self._turns.prolong(member.actor, self._vm)
            await self._refresh()
        await member.viewer.act(act)

    async def ask_for_turn(self, member: RoomMember) -> None:
        served = self._has_turn(member) or member in self._queue
        if not served and not (self._is_free and await self._take(member)):
            self._queue.append(member)
        self._notify()

    async def give_up_turn(self, member: RoomMember) -> None:
        if member in self._queue:
            self._queue.remove(member)
        await member.viewer.release_all()
        if self._has_turn(member):
            await self._turns.give_up(member.actor, self._vm)
            await self._refresh()
        self._notify()

    async def _take(self, member: RoomMember) -> bool:
        async with self._taking:
            has_turn = self._has_turn(member) or await self._turns.take(member.actor, self._vm)
            self._holder = await self._turns.holder(self._vm)
        if has_turn:
            self._notify()
        return has_turn

    # -- coming and going --------------------------------------------------------

    def join(self, member: RoomMember) -> None:
        self._members.append(member)
        if self._task is None:
            self._task = asyncio.create_task(self._follow())

    async def leave(self, member: RoomMember) -> None:
        """Give up the turn, unless another browser of the same user goes on with it."""
        self._members.remove(member)
        is_last_of_user = all(other.actor.user_id != member.actor.user_id for other in self._members)
        with suppress(NotFound, Unavailable):
            if is_last_of_user:
                await self.give_up_turn(member)
            elif member in self._queue:
                self._queue.remove(member)

    def close(self) -> None:
        if self._task:
            self._task.cancel()

    # -- changes of the turn -----------------------------------------------------

    async def _follow(self) -> None:
        """Follow the turn, on whatever server it changes. Runs until it is cancelled, or the process shuts down."""
        while True:
            with suppress(Unavailable):
                await self._refresh()
                async with aclosing(self._changes.follow(Claim.id_of(self._vm))) as changes:
                    async for _ in changes:
                        await self._refresh()
                return
            await asyncio.sleep(RETRY_DELAY_S)

    async def _refresh(self) -> None:
        """Read who has the turn. Release the keys of a former holder, and give a free turn to the queue."""
        former, self._holder = self._holder, await self._turns.holder(self._vm)
        if former and (self._holder is None or self._holder[0] != former[0]):
            for member in self._members:
                if member.actor.user_id == former[0]:
                    with suppress(NotFound):
                        await member.viewer.release_all()
        while self._holder is None and self._queue:
            first = self._queue.pop(0)
            with suppress(Refused):
                if not await self._take(first):
                    self._queue.insert(0, first)
                    break
        self._notify()

    def _notify(self) -> None:
        for member in self._members:
            member.on_turn(self.turn_of(member))


class ConsoleRooms:
    """The rooms of this process: one for each machine that somebody watches."""

    def __init__(self, turns: ConsoleTurns, changes: SubjectChanges) -> None:
        self._turns, self._changes = turns, changes
        self._rooms: dict[UUID, ConsoleRoom] = {}

    @asynccontextmanager
    async def enter(self, vm: UUID, actor: Actor, viewer: ConsoleViewer, on_turn: OnTurn) -> AsyncIterator[RoomMember]:
        """Be a member of a machine's room until the block ends. `on_turn` is called whenever the turn changes."""
        room = self._rooms.setdefault(vm, ConsoleRoom(vm, self._turns, self._changes))
        member = RoomMember(room, actor, viewer, on_turn)
        room.join(member)
        try:
            yield member
        finally:
            try:
                await room.leave(member)
            finally:
                self._close_if_empty(vm, room)

    def _close_if_empty(self, vm: UUID, room: ConsoleRoom) -> None:
        if room.is_empty:
            room.close()
            if self._rooms.get(vm) is room:  # else a new one has been opened, while two left this one at once
                del self._rooms[vm]
