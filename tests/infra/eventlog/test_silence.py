"""A network that goes silent, without closing anything: reads end, and listeners notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from application.access import Cause
from infra.eventlog.last_event import PostgresLastEventReader
from infra.eventlog.notifications import Signals
from infra.runtime.tasks import end_tasks
from infra.wiring.database import open_database
from tests.infra.eventlog.test_event_store import workspace
from tests.support.databases import platform_on
from tests.support.relay import Relay
from tests.support.server import WAIT_TIMEOUT_S, eventually


@pytest.fixture
async def relay(database: str) -> AsyncIterator[Relay]:
    """A way to the database over TCP."""
    server = conninfo_to_dict(database)
    relay = Relay(Path(str(server["host"])) / f".s.PGSQL.{server['port']}")
    await relay.up()
    yield relay
    await relay.down()


def over(relay: Relay, database: str) -> str:
    return make_conninfo(database, host="127.0.0.1", port=relay.port)


@pytest.mark.fault("F33")
async def test_a_connection_that_hangs_delays_a_read_and_does_not_stop_it(database: str, relay: Relay) -> None:
    reader = PostgresLastEventReader(over(relay, database))
    with platform_on(database) as platform:
        stored = workspace()
        await platform.commit(Cause(), stored)
        assert await reader.read(stored.id)
        relay.silence()
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            events = await asyncio.gather(*(reader.read(stored.id) for _ in range(20)))
        assert [event and event.originator_id for event in events] == [stored.id] * 20
    await reader.close()


@pytest.mark.fault("F34")
async def test_listeners_notice_silence_and_miss_nothing(database: str, relay: Relay) -> None:
    await (await open_database(database)).close()
    signals = Signals(over(relay, database))
    listening = asyncio.create_task(signals.run())
    try:
        await eventually(lambda: connected(signals))
        relay.silence()
        work = signals.work.subscribe()
        async with await psycopg.AsyncConnection.connect(database) as conn:
            await conn.execute("set local session_replication_role = replica")  # as if it were the follower's
            await conn.execute("update follower set position = 7")
            await conn.execute("select pg_notify('tenure_followed', '7')")
        assert await signals.followed.wait_for(7, WAIT_TIMEOUT_S)
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            await work.wait()
    finally:
        await end_tasks([listening])


async def connected(signals: Signals) -> bool:
    return signals.connected
