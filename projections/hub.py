"""Telling live screens: what was appended to the trail goes to every reader who may see it, in order, once.

Neutral of any contract and of any wire. A reader lists, then watches from the list's position: it misses nothing
after that, and where that cannot be kept it is told to list anew (`Reset`). One who does not keep up is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from application.access import TENURE, Actor
from application.ports.errors import Unavailable
from domain.role import Role
from projections import trail, users
from projections.query import Reads, Tide
from projections.trail import Entry

PAGE = 500  # entries read at once when a reader catches up
ROLES = ("user.role_changed", "user.removed")
TURNS = 20  # of the event loop, in which a reader that is not stuck takes what waits for it


@dataclass(frozen=True)
class Batch:
    """What one transaction of the follower has appended."""

    after: int  # the position before it
    position: int
    entries: list[Entry]


@dataclass(frozen=True)
class Push:
    """One message. `frames` keeps what it looks like on each wire, so that it is made once for all readers."""

    entry: Entry
    frames: dict[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def position(self) -> int:
        return self.entry.position

    def frame(self, wire: str, make: Callable[[Entry], bytes]) -> bytes:
        if wire not in self.frames:
            self.frames[wire] = make(self.entry)
        return self.frames[wire]


@dataclass(frozen=True)
class Ready:
    """From here on: everything after this position is told."""

    position: int


@dataclass(frozen=True)
class Reset:
    """What was missed cannot be told any more: list anew. From this position on everything is told again."""

    position: int
    reason: str


class CutOff(Exception):
    """The reader does not keep up. It may come back with the last position that it has seen."""


class Closing(Exception):
    """This process is shutting down. The reader may go on elsewhere, from the last position that it has seen."""


class Dismissed(Exception):
    """The reader's account has been taken away, or the key that they came with."""


Told = Push | Ready | Reset


class Reader:
    """A bounded queue of messages for one screen."""

    def __init__(self, actor: Actor, subject: UUID | None, bound: int) -> None:
        self.actor, self.subject, self._bound = actor, subject, bound
        self._queue: list[Push] = []
        self._filled = asyncio.Event()
        self.cut: type[Exception] | None = None

    def offer(self, push: Push) -> None:
        entry = push.entry
        if entry.kind == "api_key.revoked" and entry.subject == self.actor.key_id:
            self.end(Dismissed)
        if self.cut or self.subject not in (None, entry.subject) or not trail.may_see(self.actor, entry):
            return
        if len(self._queue) >= self._bound:
            self.end(CutOff)
        else:
            self._queue.append(push)
            self._filled.set()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def end(self, why: type[Exception]) -> None:
        self.cut = why
        self._queue.clear()
        self._filled.set()

    def may(self, role: Role) -> None:
        """The reader's role is another one from now on."""
        self.actor = replace(self.actor, role=role, auditor=role.at_least(Role.ADMIN))

    async def next(self) -> list[Push]:
        """What waits, all of it; when there is something."""
        while not self._queue:
            if self.cut:
                raise self.cut
            self._filled.clear()
            await self._filled.wait()
        waiting, self._queue = self._queue, []
        return waiting


class Hub:
    """All readers of this process."""

    def __init__(self, reads: Reads, reader_queue: int, replay_limit: int) -> None:
        self._reads, self._bound, self._replay_limit = reads, reader_queue, replay_limit
        self._readers: dict[UUID, set[Reader]] = {}  # by user
        self._auditors: set[Reader] = set()
        self._catching_up = asyncio.Lock()
        self.position = 0

    @property
    def readers(self) -> int:
        """How many of them are people."""
        return sum(reader.actor is not TENURE for reader in self._all())

    def _all(self) -> list[Reader]:
        return [*self._auditors, *(r for readers in self._readers.values() for r in readers)]

    def close(self) -> None:
        """Let every reader go."""
        for reader in self._all():
            reader.end(Closing)

    async def receive(self, batch: Batch) -> None:
        """A batch as it was pushed. One that does not fit behind the last is looked up in the trail instead."""
        async with self._catching_up:
            if batch.position <= self.position:
                return
            if batch.after > self.position and self._all():
                await self._look_up(batch.position)
                return
            if self._all():
                await self._deliver(batch.entries)
            self.position = batch.position

    async def keep_up(self, followed: Tide, grace: float) -> None:
        """Until cancelled: look up what has not been pushed within so many seconds after it was to be read."""
        self.position = max(self.position, followed.level)
        while True:
            await followed.reach(self.position + 1, seconds=3600)
            target = followed.level
            if grace and target > self.position:
                await asyncio.sleep(grace)
            try:
                async with self._catching_up:
                    if target > self.position:
                        await self._look_up(target)
            except Unavailable:
                await asyncio.sleep(0.5)  # until the database is back; readers miss nothing, they wait

    async def _look_up(self, target: int) -> None:
        """Up to there it has been followed; more is not waited for: the follower goes on once it was told."""
        while self.position < target and self._all():
            found = await trail.page(self._reads, trail.Filter(), self.position, PAGE, wait=False)
            await self._deliver(found.rows)
            full = len(found.rows) == PAGE
            self.position = found.rows[-1].position if full else max(found.position, self.position)
        self.position = max(self.position, target)

    async def _deliver(self, entries: list[Entry]) -> None:
        """In parts that fit into a reader's queue, so that only who does not take what came before is cut off."""
        part = max(1, self._bound // 4)
        for nth in range(0, len(entries), part):
            await self._let_take(self._bound - part)
            for entry in entries[nth : nth + part]:
                push = Push(entry)
                for reader in self._of(entry):
                    reader.offer(push)
                if entry.kind in ROLES:
                    self._role_changed(entry)

    def _role_changed(self, entry: Entry) -> None:
        """A stream outlives the role that it began with: what it may be told follows what its reader now is."""
        theirs = [*self._readers.get(entry.subject, ()), *(r for r in self._auditors if is_of(r, entry.subject))]
        for reader in theirs:
            if entry.kind == "user.removed":
                reader.end(Dismissed)
                continue
            self._drop(reader)
            reader.may(Role(entry.facts["role"]))
            self._add(reader)

    async def _look_at_role(self, reader: Reader) -> None:
        """It may have changed after the reader was let in, and before they were told of here."""
        if reader.actor.role is None:
            return
        row = await users.get(self._reads, reader.actor.user_id)
        if row is None:
            raise Dismissed
        self._drop(reader)
        reader.may(Role(row.role))
        self._add(reader)

    def _add(self, reader: Reader) -> None:
        place = self._auditors if reader.actor.auditor else self._readers.setdefault(reader.actor.user_id, set())
        place.add(reader)

    def _drop(self, reader: Reader) -> None:
        self._auditors.discard(reader)
        if theirs := self._readers.get(reader.actor.user_id):
            theirs.discard(reader)
            if not theirs:
                del self._readers[reader.actor.user_id]

    def _of(self, entry: Entry) -> Iterator[Reader]:
        """Those whom it may concern: looking at all readers for each message would not do."""
        yield from self._auditors
        if entry.shared:
            for readers in self._readers.values():
                yield from readers
        elif entry.owner_id:
            yield from self._readers.get(entry.owner_id, ())

    async def _let_take(self, most: int) -> None:
        """Until nobody has more than that waiting, but no longer than one takes whose connection takes it all."""
        for _ in range(TURNS):
            if all(reader.waiting <= most for reader in self._all()):
                return
            await asyncio.sleep(0)

    async def follow(
        self, actor: Actor, subject: UUID | None, after: int | None
    ) -> AsyncGenerator[Sequence[Told], None]:
        """What the actor may see, from a position on (None: from now on), for as long as they listen.

        As much at once as there is. Raises `CutOff`, `Closing`, `Dismissed`, and `Unavailable` while it catches up
        without a database.
        """
        reader = Reader(actor, subject, self._bound)
        self._add(reader)  # first subscribe, then read, then drop what was read already
        try:
            await self._look_at_role(reader)
            last = -1
            async for some in self._replay(reader.actor, subject, after):
                yield some
                last = max(last, some[-1].position)
            while True:
                if new := [push for push in await reader.next() if push.position > last]:
                    yield new
                del new  # while it waits it keeps nothing
        finally:
            self._drop(reader)

    async def _replay(self, actor: Actor, subject: UUID | None, after: int | None) -> AsyncIterator[Sequence[Told]]:
        what = replace(trail.seen_by(actor), subject=subject)
        newest = (await trail.page(self._reads, what, after or 0, 0)).position
        if after is None:
            yield [Ready(newest)]
        elif after > newest:
            yield [Reset(newest, "that position is not in this log")]
        elif await trail.more_than(self._reads, what, after, self._replay_limit):
            yield [Reset(newest, f"more than {self._replay_limit} events were missed")]
        else:
            full = True
            while full:
                found = await trail.page(self._reads, what, after, PAGE)
                full = len(found.rows) == PAGE
                if found.rows:
                    after = found.rows[-1].position
                    yield [Push(entry) for entry in found.rows]
            yield [Ready(found.position)]


def is_of(reader: Reader, user_id: UUID) -> bool:
    return reader.actor.user_id == user_id and reader.actor.role is not None


def as_dict(batch: Batch) -> dict[str, Any]:
    return {"after": batch.after, "position": batch.position, "entries": [vars(e) for e in batch.entries]}


def from_dict(told: dict[str, Any]) -> Batch:
    return Batch(told["after"], told["position"], [trail.from_dict(e) for e in told["entries"]])
