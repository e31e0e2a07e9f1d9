"""The schema: made when it is missing. Read models are folded anew when their shape has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from application.platform import Platform
from infra.eventlog.log_reader import events_after
from infra.tables import (
    api_keys,
    holder_keys,
    holdings,
    hosted_use,
    invite_tokens,
    join_requests,
    learners,
    logins,
    passwords,
    people,
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


SCHEMA_LOCK = 7_301  # advisory: one process at a time makes or changes the schema
INSTALLATION = """
create table if not exists installation (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid()
);
insert into installation default values on conflict do nothing;
"""


# What is stored beside the log.
TABLES = tuple(
    module.DDL
    for module in (
        people,
        logins,
        invite_tokens,
        sign_ins,
        presence,
        api_keys,
        signing_keys,
        holder_keys,
        join_requests,
        hosted_use,
        holdings,
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
MAX_EVENTS = 500  # in memory at once while all are folded


async def migrate(conn: AsyncConnection[Any], platform: Platform) -> bool:
    """Make the tables that are missing, and refold read models of another shape. Return whether they were refolded."""
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        cur = await conn.execute("select to_regclass('public.holdings') is null")
        (lacks_holdings,) = await cur.fetchone() or (False,)
        for statements in (INSTALLATION, *TABLES, read_models.FOLLOWER):
            await conn.execute(statements)
        cur = await conn.execute("select shape from follower for update")
        (shape,) = await cur.fetchone() or ("",)
        refolds = shape != read_models.SHAPE
        if refolds:
            await refold(conn, platform)
        if lacks_holdings:  # else what was created by an older version would not count
            await conn.execute(holdings.FILL)
        return refolds


async def rebuild(
    conn: AsyncConnection[Any], platform: Platform, on_progress: Callable[[int], None] = lambda count: None
) -> int:
    """Drop every read model and fold it anew from the log, in one transaction. Return the number of events.

    `on_progress` is called with the number of events folded so far.
    """
    async with conn.transaction():
        await conn.execute("select position from follower for update")  # a follower waits for this transaction
        return await refold(conn, platform, on_progress)


async def refold(
    conn: AsyncConnection[Any], platform: Platform, on_progress: Callable[[int], None] = lambda count: None
) -> int:
    """Fold into new tables beside the old ones, which can be read until the new ones replace them at the end."""
    await conn.execute("drop schema if exists rebuilding cascade; create schema rebuilding")
    await conn.execute("set local search_path to rebuilding, public")
    await read_models.create(conn)
    position = count = 0
    while batch := await events_after(conn, platform, position, MAX_EVENTS):
        async with conn.pipeline():
            await read_models.advance(conn, [event for _, event in batch], [at for at, _ in batch])
        position, count = batch[-1][0], count + len(batch)
        on_progress(count)
    await read_models.replace(conn, "rebuilding")
    await conn.execute("set local search_path to public; drop schema rebuilding")
    return count


async def installation_id(conn: AsyncConnection[Any]) -> UUID:
    """Return the id that labels whatever this installation makes on an engine."""
    cur = await conn.execute("select id from installation")
    row = await cur.fetchone()
    assert row is not None, "migrate() makes it"
    id: UUID = row[0]
    return id
