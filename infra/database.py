"""Connections for rows, and the schema: made when it is missing, folded anew when its shape has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import orjson
import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg import AsyncConnection, adapters
from psycopg.types.json import JsonbDumper, set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

from application.platform import Platform
from infra import (
    accounts,
    api_keys,
    hosted_use,
    invite_tokens,
    join_requests,
    learners,
    logins,
    passwords,
    presence,
    registrations,
    sign_ins,
    signing_keys,
    snowflakes,
    vm_accounts,
    vm_passwords,
    vm_tokens,
    workshop_keys,
)
from projections import read_models

log = logging.getLogger(__name__)
adapters.register_dumper(dict, JsonbDumper)
set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)

RECONNECT = 1.0  # seconds; the pools' own way is to try less and less often, up to minutes after it is back
SCHEMA_LOCK = 7_301  # advisory: one process at a time makes or changes the schema
INSTALLATION = """
create table if not exists installation (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid()
);
insert into installation default values on conflict do nothing;
"""
# What is kept beside the log.
ROWS = tuple(
    rows.DDL
    for rows in (
        accounts,
        logins,
        invite_tokens,
        sign_ins,
        presence,
        api_keys,
        signing_keys,
        join_requests,
        hosted_use,
        workshop_keys,
        learners,
        registrations,
        passwords,
        snowflakes,
        vm_accounts,
        vm_tokens,
        vm_passwords,
    )
)
BATCH = 500  # events in memory at once, while all are folded


async def connect(url: str) -> AsyncConnection[Any]:
    """One connection in autocommit mode, for whoever keeps it."""
    return await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5)


def pool(url: str, size: int = 10) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=size,
        timeout=3,
        reconnect_timeout=RECONNECT,
        open=False,
        kwargs={"autocommit": True, "connect_timeout": 5},
    )


async def migrate(conn: AsyncConnection[Any], platform: Platform) -> bool:
    """Make what is missing; refold the read models if theirs is another shape. Returns whether it did."""
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        for statements in (INSTALLATION, *ROWS, read_models.FOLLOWER):
            await conn.execute(statements)
        cur = await conn.execute("select shape from follower for update")
        (shape,) = await cur.fetchone() or ("",)
        if shape == read_models.SHAPE:
            return False
        await refold(conn, platform)
        return True


async def rebuild(
    conn: AsyncConnection[Any], platform: Platform, folded: Callable[[int], None] = lambda count: None
) -> int:
    """Drop every read model and fold it anew from the log, in one transaction. Returns how many events there were.

    `folded` is told how many there were so far.
    """
    async with conn.transaction():
        await conn.execute("select position from follower for update")  # a follower at work waits for us
        return await refold(conn, platform, folded)


async def refold(
    conn: AsyncConnection[Any], platform: Platform, folded: Callable[[int], None] = lambda count: None
) -> int:
    """New tables beside the old ones, which can be read until the new take their place at the end."""
    await conn.execute("drop schema if exists rebuilding cascade; create schema rebuilding")
    await conn.execute("set local search_path to rebuilding, public")
    await read_models.create(conn)
    position = count = 0
    while batch := await events_after(conn, platform, position, BATCH):
        async with conn.pipeline():
            await read_models.advance(conn, [event for _, event in batch], [at for at, _ in batch])
        position, count = batch[-1][0], count + len(batch)
        folded(count)
    await read_models.replace(conn, "rebuilding")
    await conn.execute("set local search_path to public; drop schema rebuilding")
    return count


async def events_after(
    conn: AsyncConnection[Any], platform: Platform, position: int, limit: int
) -> list[tuple[int, Any]]:
    """The next events of the log, in order, with their positions."""
    cur = await conn.execute(
        "select notification_id, originator_id, originator_version, topic, state from tenure_events "
        "where notification_id > %s order by notification_id limit %s",
        (position, limit),
    )
    return [
        (at, platform.mapper.to_domain_event(StoredEvent(id, version, topic, bytes(state))))
        for at, id, version, topic, state in await cur.fetchall()
    ]


async def installation(conn: AsyncConnection[Any]) -> Any:
    """The id of this installation, which labels whatever it makes on an engine."""
    cur = await conn.execute("select id from installation")
    row = await cur.fetchone()
    assert row is not None, "migrate() makes it"
    return row[0]
