"""The library's event store on PostgreSQL, with one thread that commits events in groups.

Every commit takes the library's table lock, so that positions are handed out in the order of commits and no reader
can pass over a gap. Calls that arrive while a commit is under way go into the next one together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from inspect import unwrap
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import psycopg
from eventsourcing.persistence import OperationalError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from application.platform import Platform
from application.ports.errors import Unavailable
from infra.eventlog.last_event import PostgresLastEventReader
from infra.postgres.database import KEEPALIVES, RECONNECT_TIMEOUT_S
from projections.query import is_disk_full, unavailable

log = logging.getLogger(__name__)
MAX_GROUPED_CALLS = 256  # in one transaction
CLOSE_TIMEOUT_S = 5.0
# Operational errors of single calls in a row, while a group is taken apart; then the rest of it fails unasked. Each,
# such as a lock that is not free, may take seconds.
MAX_OPERATIONAL_ERRORS = 3
INSERT = """
insert into tenure_events (originator_id, originator_version, topic, state)
select * from unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[]) returning notification_id
"""


class Recorder(PostgresApplicationRecorder):
    """The library's recorder, without its retries: they would keep callers waiting while the database is down.

    It also sends events as binary columns. The library sends them as rows quoted into text, then quoted again into an
    array.
    """

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str) -> None:
        datastore.pool.reconnect_timeout = RECONNECT_TIMEOUT_S
        assert isinstance(datastore.pool.kwargs, dict)  # as the library passes them
        datastore.pool.kwargs |= KEEPALIVES
        super().__init__(datastore, events_table_name=events_table_name)

    def _insert_stored_events(self, curs: Any, stored_events: Sequence[StoredEvent], **_: Any) -> None:
        self._lock_table(curs)
        self._notify_channel(curs)
        rows = [(e.originator_id, e.originator_version, e.topic, e.state) for e in stored_events]
        curs.execute(INSERT, [list(column) for column in zip(*rows, strict=True)])

    # In the library a decorator retries each of these for seconds; `unwrap` takes it off.
    insert_events = unwrap(PostgresApplicationRecorder.insert_events)
    select_events = unwrap(PostgresApplicationRecorder.select_events)
    select_notifications = unwrap(PostgresApplicationRecorder.select_notifications)
    max_notification_id = unwrap(PostgresApplicationRecorder.max_notification_id)


def environment(database_url: str) -> dict[str, str]:
    """Return the library's settings for this database, as its environment variables."""
    parts = conninfo_to_dict(database_url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "APPLICATION_RECORDER_TOPIC": "infra.eventlog.event_store:Recorder",
        "POSTGRES_DBNAME": str(parts.get("dbname") or "postgres"),
        "POSTGRES_HOST": str(parts.get("host") or "127.0.0.1"),
        "POSTGRES_PORT": str(parts.get("port") or "5432"),
        "POSTGRES_USER": str(parts.get("user") or "postgres"),
        "POSTGRES_PASSWORD": str(parts.get("password") or "unused"),
        "POSTGRES_CONNECT_TIMEOUT": "2",
        "POSTGRES_LOCK_TIMEOUT": "5",
        "POSTGRES_PRE_PING": "y",
        "POSTGRES_POOL_SIZE": "2",
        "POSTGRES_MAX_OVERFLOW": "8",
    }


class StoreCall(NamedTuple):
    """One caller's events, and the future on its event loop that says when they are stored."""

    events: list[StoredEvent]
    loop: asyncio.AbstractEventLoop
    stored: asyncio.Future[None]


class GroupWriter:
    """The `Writer` of `application.platform`: one thread that commits the events of waiting callers together.

    An error fails only the call that has it: a group that fails is taken apart.
    """

    def __init__(self, recorder: Any) -> None:
        self._recorder = recorder
        self.disk_full = False  # whether the newest commit failed because of that
        self._queue: SimpleQueue[StoreCall | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    async def store(self, events: list[StoredEvent]) -> None:
        """Store these events in one transaction.

        Raises `IntegrityError` if one of them is stored already, and other errors of the library's persistence.
        """
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        self._queue.put(StoreCall(events, loop, stored))
        await stored

    def close(self) -> None:
        """Store the events of earlier calls, then end the thread. A database that hangs is not waited for."""
        self._queue.put(None)
        self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while True:
            group = [self._queue.get()]
            try:
                while len(group) < MAX_GROUPED_CALLS and group[-1] is not None:
                    group.append(self._queue.get_nowait())
            except Empty:
                pass
            # Skip callers that timed out: they never got a confirmation and may already have retried.
            self._store([call for call in group if call and not call.stored.done()])
            if group[-1] is None:
                return

    def _store(self, group: list[StoreCall]) -> None:
        if group and (error := self._insert(group)):
            if len(group) > 1 and not concerns_all(error):
                self._store_one_by_one(group)
            else:
                resolve(group, error)

    def _store_one_by_one(self, group: list[StoreCall]) -> None:
        in_row = 0
        for index, call in enumerate(group):
            if call.stored.done():  # its caller has timed out meanwhile
                continue
            error = self._insert([call])
            if error:
                resolve([call], error)
            in_row = in_row + 1 if isinstance(error, OperationalError) else 0
            if error and (concerns_all(error) or in_row == MAX_OPERATIONAL_ERRORS):
                resolve(group[index + 1 :], error)
                return

    def _insert(self, group: list[StoreCall]) -> Exception | None:
        """Store the events of these calls in one transaction, and resolve the calls. Returns the error, if it fails."""
        try:
            self._recorder.insert_events([event for call in group for event in call.events])
        except Exception as error:
            self.disk_full = is_disk_full(error)
            return unavailable(error) if self.disk_full else error
        self.disk_full = False
        resolve(group, None)
        return None


def concerns_all(error: Exception) -> bool:
    """Whether the database could not be reached, or stores nothing at all, so that other calls would fail as well."""
    cause = error.__cause__
    return isinstance(error, Unavailable) or (isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None)


def resolve(group: list[StoreCall], error: Exception | None) -> None:
    """Resolve the futures of these calls, each on its own loop, with one wake-up a loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for call in group:
        loops.setdefault(call.loop, []).append(call.stored)
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(resolve_futures, futures, error)
        except RuntimeError:  # the loop is closed, so no caller waits
            log.warning("events were stored after their callers had gone", extra={"callers": len(futures)})


def resolve_futures(futures: list[asyncio.Future[None]], error: Exception | None) -> None:
    """Give each future its result or the error, but for those that are done: their callers timed out."""
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def open_platform(database_url: str) -> Platform:
    """Return the application on this database. Creates its tables if they are missing."""
    platform = Platform(environment(database_url))
    platform.writer = GroupWriter(platform.recorder)
    platform.last_event_reader = PostgresLastEventReader(database_url)
    return platform


def close_platform(platform: Platform) -> None:
    """Close the writer's thread and the connections of the library; its asynchronous reader is closed on its loop."""
    if isinstance(platform.writer, GroupWriter):
        platform.writer.close()
    platform.close()
