"""The event-sourced application: all aggregates in one event store, with one order of events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    PersistenceError,
    StoredEvent,
)

from application.access import Cause
from application.denials import nothing_there
from application.moved_topics import register_moved_topics
from application.ports.errors import Unavailable
from domain.aggregate import Aggregate
from domain.errors import Conflict, NotFound

A = TypeVar("A", bound=Aggregate)
MAX_ATTEMPTS = 8  # at a change, while others change the same aggregate
LOADING_THREADS = 8
DATABASE_TIMEOUT_S = 10.0  # what is stored later than that was never acknowledged


class ConcurrentUpdate(Conflict):
    """The aggregate has changed since it was loaded, or its id is taken."""


class Writer(Protocol):
    """Stores events. Those of one call are stored in one transaction and in their order, with no gap before them.

    Raises `Unavailable` where it knows why nothing can be stored now, such as a full disk.
    """

    async def store(self, events: list[StoredEvent]) -> None: ...


class LastEventReader(Protocol):
    """Reads the newest event of a stream faster than loading its aggregate."""

    async def read(self, id: UUID) -> StoredEvent | None:
        """Return the newest event of the stream `id`, or None if it has none. Raises `Unavailable`."""
        ...


class Platform(Application[UUID]):
    """Loads and commits aggregates. Commands use `load` and `commit`, or `change` for both."""

    name = "tenure"
    writer: Writer  # set by the code that starts the platform, as is
    last_event_reader: LastEventReader
    on_commit: Callable[[Sequence[Any]], None] = staticmethod(lambda events: None)  # called with stored events

    def __init__(self, env: dict[str, str]) -> None:
        super().__init__(env)
        register_moved_topics()
        self._readers = ThreadPoolExecutor(LOADING_THREADS, thread_name_prefix="load")

    async def load(self, kind: type[A], id: UUID, version: int | None = None) -> A:
        """The aggregate as it is, or as it was at a version. Raises `NotFound`; `Unavailable` without the database."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                aggregate = await loop.run_in_executor(self._readers, self._get, kind, id, version)
        except AggregateNotFoundError:
            raise NotFound(nothing_there(kind.__name__.lower())) from None
        except (OperationalError, InterfaceError, TimeoutError) as error:
            raise Unavailable("database", "the database does not answer; try again shortly") from error
        if not isinstance(aggregate, kind):
            raise NotFound(nothing_there(kind.__name__.lower()))
        return aggregate

    async def find(self, kind: type[A], id: UUID) -> A | None:
        """The aggregate as it is, or None if there is none. Raises `Unavailable`."""
        try:
            return await self.load(kind, id)
        except NotFound:
            return None

    def _get(self, kind: type[A], id: UUID, version: int | None) -> Aggregate:
        can_resume = kind.resume.__func__ is not Aggregate.resume.__func__  # type: ignore[attr-defined]
        if version is None and can_resume and (resumed := self._resume(kind, id)):
            return resumed
        aggregate: Aggregate = self.repository.get(id, version=version)
        return aggregate

    def _resume(self, kind: type[A], id: UUID) -> A | None:
        """The aggregate from two events of its stream, where its kind can be had from those."""
        last = self.recorder.select_events(id, desc=True, limit=1)
        if not last or (first := self.recorder.select_events(id, limit=1)) == []:
            return None
        return kind.resume(self.mapper.to_domain_event(first[0]), self.mapper.to_domain_event(last[0]))

    async def last_event(self, id: UUID) -> Any:
        """The newest event of a stream, None if there is none: much less to read than the whole. `Unavailable`."""
        stored = await self.last_event_reader.read(id)
        return self.mapper.to_domain_event(stored) if stored else None

    async def commit(self, cause: Cause, *aggregates: Aggregate) -> None:
        """All of them or none. `ConcurrentUpdate` if somebody was faster; `Unavailable` without the database."""
        events: list[Any] = []
        for aggregate in aggregates:
            events += aggregate.signed(by=cause.by, request_id=cause.request_id, caused_by=cause.caused_by)
        if not events:
            return
        stored = [self.mapper.to_stored_event(event) for event in events]
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                await self.writer.store(stored)
        except IntegrityError:
            raise ConcurrentUpdate("it was changed by somebody else meanwhile; try again") from None
        except (PersistenceError, TimeoutError) as error:
            raise Unavailable("database", "the database does not answer; try again shortly") from error
        self.on_commit(events)

    async def change(self, cause: Cause, kind: type[A], id: UUID, decide: Callable[[A], None]) -> A:
        """Load, decide, commit; and once more, on what is true then, for as long as others are faster."""
        for _ in range(MAX_ATTEMPTS - 1):
            aggregate = await self.load(kind, id)
            decide(aggregate)
            try:
                await self.commit(cause, aggregate)
            except ConcurrentUpdate:
                continue
            return aggregate
        aggregate = await self.load(kind, id)
        decide(aggregate)
        await self.commit(cause, aggregate)
        return aggregate

    async def change_with(
        self,
        cause: Cause,
        kind: type[A],
        id: UUID,
        decide: Callable[[A], Awaitable[Sequence[Aggregate]]],
        tries: int = MAX_ATTEMPTS,
    ) -> A:
        """The same for what changes together with others: `decide` returns those, and all is stored, or nothing."""
        for left in reversed(range(tries)):
            aggregate = await self.load(kind, id)
            others = await decide(aggregate)
            try:
                await self.commit(cause, aggregate, *others)
                break
            except ConcurrentUpdate:
                if not left:
                    raise
        return aggregate

    async def ensure(
        self, cause: Cause, kind: type[A], id: UUID, begin: Callable[[UUID], A], decide: Callable[[A], None]
    ) -> A:
        """The same where there may be none yet: what `begin` makes is then decided on, and stored whole."""
        try:
            return await self.change(cause, kind, id, decide)
        except NotFound:
            first = begin(id)
        decide(first)
        try:
            await self.commit(cause, first)
        except ConcurrentUpdate:
            return await self.change(cause, kind, id, decide)
        return first

    def close(self) -> None:
        self._readers.shutdown(wait=False)
        super().close()
