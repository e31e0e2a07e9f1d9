"""The library's event store on PostgreSQL, committed in groups by one thread.

Every commit takes the library's table lock, so that positions are handed out in the order of commits and no reader
can pass over a gap. What callers ask for while one commit is on its way goes into the next one, together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from inspect import unwrap
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from application.platform import Platform
from infra.eventlog.last_event import PostgresLastEventReader
from infra.postgres.database import RECONNECT_TIMEOUT_S

log = logging.getLogger(__name__)
GROUP = 256  # callers in one transaction, at most
CLOSING = 5.0  # seconds
INSERT = """
insert into tenure_events (originator_id, originator_version, topic, state)
select * from unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[]) returning notification_id
"""


class Recorder(PostgresApplicationRecorder):
    """The library's, but it does not sit out a dead database for seconds: who asks is told at once.

    And events travel as binary columns. The library sends rows, quoted as text, and then quoted again as an array.
    """

    def __init__(self, datastore: PostgresDatastore, **options: Any) -> None:
        datastore.pool.reconnect_timeout = RECONNECT_TIMEOUT_S
        super().__init__(datastore, **options)

    def _insert_stored_events(self, curs: Any, stored_events: Sequence[StoredEvent], **_: Any) -> None:
        self._lock_table(curs)
        self._notify_channel(curs)
        rows = [(e.originator_id, e.originator_version, e.topic, e.state) for e in stored_events]
        curs.execute(INSERT, [list(column) for column in zip(*rows, strict=True)])

    insert_events = unwrap(PostgresApplicationRecorder.insert_events)
    select_events = unwrap(PostgresApplicationRecorder.select_events)
    select_notifications = unwrap(PostgresApplicationRecorder.select_notifications)
    max_notification_id = unwrap(PostgresApplicationRecorder.max_notification_id)


def environment(database_url: str) -> dict[str, str]:
    """What the library wants to be told about a database."""
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


class Waiting(NamedTuple):
    events: list[StoredEvent]
    loop: asyncio.AbstractEventLoop
    stored: asyncio.Future[None]


class GroupWriter:
    """One thread that owns the recorder's writing side. A conflict in a group hits only whose it is."""

    def __init__(self, recorder: Any) -> None:
        self._recorder = recorder
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    async def store(self, events: list[StoredEvent]) -> None:
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        self._queue.put(Waiting(events, loop, stored))
        await stored

    def close(self) -> None:
        """Stores what was asked for before, then ends; a database that hangs is not waited for."""
        self._queue.put(None)
        self._thread.join(CLOSING)

    def _run(self) -> None:
        while True:
            group = [self._queue.get()]
            try:
                while len(group) < GROUP and group[-1] is not None:
                    group.append(self._queue.get_nowait())
            except Empty:
                pass
            # Who has gone was not told that it is stored, and may have asked again.
            self._store([waiting for waiting in group if waiting and not waiting.stored.done()])
            if group[-1] is None:
                return

    def _store(self, group: list[Waiting]) -> None:
        try:
            if group:
                self._recorder.insert_events([event for waiting in group for event in waiting.events])
        except IntegrityError as conflict:
            if len(group) == 1:
                answer(group, conflict)
            else:
                for waiting in group:
                    self._store([waiting])
        except Exception as error:
            answer(group, error)
        else:
            answer(group, None)


def answer(group: list[Waiting], error: Exception | None) -> None:
    """Tell those who wait, each on their own loop; one wake-up a loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiting in group:
        loops.setdefault(waiting.loop, []).append(waiting.stored)
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(settle, futures, error)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.warning("stored after its asker had gone", extra={"callers": len(futures)})


def settle(futures: list[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def open_platform(database_url: str) -> Platform:
    """The application on this database; its tables are made if they are not there."""
    platform = Platform(environment(database_url))
    platform.writer = GroupWriter(platform.recorder)
    platform.last_event_reader = PostgresLastEventReader(database_url)
    return platform
