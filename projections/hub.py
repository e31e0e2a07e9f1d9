"""The hub passes each event of the trail to every live reader who may see it, in order and once.

Knows no contract and no wire format. A reader lists, then watches from the list's position: it misses nothing after
that, and gets a `Reset` where that cannot be kept. A reader that is too slow is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict
from uuid import UUID

from application.access import TENURE, Actor
from application.access_changes import AccessChanges, Change
from application.ports.errors import Unavailable
from domain.role import Role
from projections import trail, users
from projections.query import Position, Queries
from projections.stream_reader import (
    AccessRevoked,
    Push,
    Reader,
    Ready,
    Reset,
    ShuttingDown,
    StreamMessage,
)
from projections.trail import Entry

PAGE_ENTRIES = 500  # read at once when a reader catches up
ROLE_EVENTS = ("user.role_changed", "user.removed")
MAX_DRAIN_TURNS = 20  # of the event loop: a reader that is not stuck empties its queue within them
RETRY_DELAY_S = 0.5  # while the database does not answer


@dataclass(frozen=True)
class Batch:
    """The entries that one transaction of the follower has appended to the trail, in order."""

    after: int  # the position before the first entry
    position: int  # of the last entry
    entries: list[Entry]


class Hub:
    """All readers of this process."""

    def __init__(
        self,
        queries: Queries,
        max_queued_pushes: int,
        max_replayed_events: int,
        access_changes: AccessChanges | None = None,
    ) -> None:
        self._queries, self._max_queued, self._max_replayed = queries, max_queued_pushes, max_replayed_events
        self._access_changes = AccessChanges() if access_changes is None else access_changes
        self._readers: dict[UUID, set[Reader]] = {}  # by user
        self._auditors: set[Reader] = set()
        self._catching_up = asyncio.Lock()
        self.position = 0  # of the last event that readers got

    @property
    def readers(self) -> int:
        """The number of readers, without Tenure's own."""
        return sum(reader.actor is not TENURE for reader in self._all())

    def _all(self) -> list[Reader]:
        return [*self._auditors, *(r for readers in self._readers.values() for r in readers)]

    @property
    def _is_followed(self) -> bool:
        """Whether anybody needs to learn of events: a reader, or something open whose access may change."""
        return bool(self._access_changes.has_subscribers or self._auditors or self._readers)

    def close(self) -> None:
        """End every reader, and whatever holds a lease, with `ShuttingDown`."""
        self._access_changes.signal_all(Change.SHUTTING_DOWN)
        for reader in self._all():
            reader.end(ShuttingDown)

    async def receive(self, batch: Batch) -> None:
        """Deliver a batch that was pushed. If batches before it were lost, read them from the trail first.

        Raises `Unavailable` where they cannot be read now: `keep_up` delivers them later.
        """
        async with self._catching_up:
            if batch.position <= self.position:
                return
            if batch.after > self.position and self._is_followed:
                await self._catch_up(batch.position)
                return
            await self._deliver(batch.entries)
            self.position = batch.position

    async def keep_up(self, followed: Position, grace_s: float) -> None:
        """Deliver from the trail what was not pushed within `grace_s` seconds. Runs until cancelled."""
        self.position = max(self.position, followed.value)
        while True:
            await followed.wait_for(self.position + 1, timeout_s=3600)
            target = followed.value
            if grace_s and target > self.position:
                await asyncio.sleep(grace_s)
            try:
                async with self._catching_up:
                    if target > self.position:
                        await self._catch_up(target)
            except Unavailable:
                await asyncio.sleep(RETRY_DELAY_S)  # readers miss nothing: the position has not moved

    async def _catch_up(self, target: int) -> None:
        """Deliver entries of the trail up to `target`. Does not wait for the follower, which may wait for us."""
        while self.position < target and self._is_followed:
            page = await trail.page(self._queries, trail.Filter(), self.position, PAGE_ENTRIES, wait=False)
            await self._deliver(page.rows)
            is_full = len(page.rows) == PAGE_ENTRIES
            self.position = max(page.rows[-1].position if is_full else page.position, self.position)
        self.position = max(self.position, target)

    async def _deliver(self, entries: list[Entry]) -> None:
        """Offer entries in parts that fit into a queue, so that only readers that take nothing are cut off.

        Entries at or below the position are skipped: a look-up may have ended inside the batch that they come with.
        """
        new = [entry for entry in entries if entry.position > self.position]
        part = max(1, self._max_queued // 4)
        for start in range(0, len(new), part):
            await self._let_drain(self._max_queued - part)
            for entry in new[start : start + part]:
                push = Push(entry)
                for reader in self._candidates(entry):
                    reader.offer(push)
                if entry.kind in ROLE_EVENTS:
                    self._apply_role_event(entry)
                self.position = entry.position  # at once: who is interrupted here must not deliver it again
                self._access_changes.apply(entry.kind, entry.subject)

    def _apply_role_event(self, entry: Entry) -> None:
        """Give the user's open streams the new role, or end them. A stream outlives the role that it began with."""
        of_user = [*self._readers.get(entry.subject, ())]
        of_user += [reader for reader in self._auditors if _is_member(reader, entry.subject)]
        for reader in of_user:
            if entry.kind == "user.removed":
                reader.end(AccessRevoked)
                continue
            self._remove(reader)
            reader.set_role(Role(entry.facts["role"]))
            self._add(reader)

    async def _refresh_role(self, reader: Reader) -> None:
        """Read the reader's role again: it may have changed between authentication and subscription."""
        if reader.actor.role is None:
            return
        row = await users.get(self._queries, reader.actor.user_id)
        if row is None:
            raise AccessRevoked
        self._remove(reader)
        reader.set_role(Role(row.role))
        self._add(reader)

    def _add(self, reader: Reader) -> None:
        group = self._auditors if reader.actor.auditor else self._readers.setdefault(reader.actor.user_id, set())
        group.add(reader)

    def _remove(self, reader: Reader) -> None:
        self._auditors.discard(reader)
        if group := self._readers.get(reader.actor.user_id):
            group.discard(reader)
            if not group:
                del self._readers[reader.actor.user_id]

    def _candidates(self, entry: Entry) -> Iterator[Reader]:
        """The readers that may be allowed to see an entry. Asking every reader for each entry would be too slow."""
        yield from self._auditors
        if entry.shared:
            for readers in self._readers.values():
                yield from readers
        elif entry.owner_id:
            yield from self._readers.get(entry.owner_id, ())

    async def _let_drain(self, max_waiting: int) -> None:
        """Wait until no reader has more than `max_waiting` pushes queued, for at most `MAX_DRAIN_TURNS`."""
        for _ in range(MAX_DRAIN_TURNS):
            if all(reader.waiting <= max_waiting for reader in self._all()):
                return
            await asyncio.sleep(0)

    async def follow(
        self, actor: Actor, subject: UUID | None, after: int | None
    ) -> AsyncGenerator[Sequence[StreamMessage], None]:
        """Yield what the actor may see after a position (None: from now on), as many messages at once as there are.

        Raises `CutOff`, `ShuttingDown`, `AccessRevoked`, and `Unavailable` while it replays without a database.
        """
        reader = Reader(actor, subject, self._max_queued)
        self._add(reader)  # subscribe before reading, then drop what was read: else events in between are lost
        try:
            await self._refresh_role(reader)
            last = -1
            async for messages in self._replay(reader.actor, subject, after):
                yield messages
                last = max(last, messages[-1].position)
            while True:
                if pushes := [push for push in await reader.next() if push.position > last]:
                    yield pushes
                del pushes  # a waiting stream would keep these entries in memory
        finally:
            self._remove(reader)

    async def _replay(
        self, actor: Actor, subject: UUID | None, after: int | None
    ) -> AsyncIterator[Sequence[StreamMessage]]:
        visible = replace(trail.filter_for(actor), subject=subject)
        newest = (await trail.page(self._queries, visible, after or 0, 0)).position
        if after is None:
            yield [Ready(newest)]
        elif after > newest:
            yield [Reset(newest, "that position is not in this log")]
        elif await trail.has_more_than(self._queries, visible, after, self._max_replayed):
            yield [Reset(newest, f"more than {self._max_replayed} events were missed")]
        else:
            is_full = True
            while is_full:
                page = await trail.page(self._queries, visible, after, PAGE_ENTRIES)
                is_full = len(page.rows) == PAGE_ENTRIES
                if page.rows:
                    after = page.rows[-1].position
                    yield [Push(entry) for entry in page.rows]
            yield [Ready(page.position)]


def _is_member(reader: Reader, user_id: UUID) -> bool:
    return reader.actor.user_id == user_id and reader.actor.role is not None


class BatchMessage(TypedDict):
    """A batch on its way to other processes, before it is encoded as JSON."""

    after: int
    position: int
    entries: list[dict[str, Any]]


def to_message(batch: Batch) -> BatchMessage:
    return {"after": batch.after, "position": batch.position, "entries": [vars(entry) for entry in batch.entries]}


def from_message(message: BatchMessage) -> Batch:
    """The batch from a message that went over a wire as JSON."""
    entries = [trail.from_json(entry) for entry in message["entries"]]
    return Batch(message["after"], message["position"], entries)
