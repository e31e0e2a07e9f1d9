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
    owner_links,
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
from projections import read_models, shape

log = logging.getLogger(__name__)


SCHEMA_LOCK = 7_301  # advisory: one process at a time makes or changes the schema
INSTALLATION = """
create table if not exists installation (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid()
);
insert into installation default values on conflict do nothing;
alter table installation add column if not exists epoch int not null default 0;
alter table installation add column if not exists epoch_id uuid;
alter table installation add column if not exists database_id text;
"""


# What is stored beside the log.
TABLES = tuple(
    module.DDL
    for module in (
        people,
        logins,
        invite_tokens,
        owner_links,
        sign_ins,
        presence,
        api_keys,
        signing_keys,
        holder_keys,
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
MAX_EVENTS = 500  # in memory at once while all are folded


async def migrate(conn: AsyncConnection[Any], platform: Platform) -> bool:
    """Make the tables that are missing, and refold read models of another shape. Return whether they were refolded.

    Those of a newer version stay: this process then stands by, and does not fold.
    """
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        for statements in (INSTALLATION, *TABLES, read_models.FOLLOWER):
            await conn.execute(statements)
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        refolded = await refold_other_shape(conn, platform)
        cur = await conn.execute("select to_regclass('public.holdings') is null")
        (lacks_holdings,) = await cur.fetchone() or (False,)
        await conn.execute(holdings.DDL)
        if lacks_holdings:  # else what was created by an older version would not count
            await conn.execute(holdings.FILL)
        return refolded


async def refold_other_shape(conn: AsyncConnection[Any], platform: Platform) -> bool:
    """Refold read models of another shape, unless they are of a newer version. Return whether they were refolded."""
    stored, own = await read_models.stored_shape(conn), shape.own_shape()
    if own.is_older_than(stored.version):
        if own.digest != stored.digest:
            log.warning("a newer version folds the lists; this process reads them only", extra=vars(stored))
        return False
    if stored.digest != own.digest:
        await refold(conn, platform)
    elif stored.version != own.version:
        await read_models.keep_version(conn)
    return stored.digest != own.digest


async def rebuild(
    conn: AsyncConnection[Any], platform: Platform, on_progress: Callable[[int], None] = lambda count: None
) -> int:
    """Drop every read model and fold it anew from the log, in one transaction. Return the number of events.

    `on_progress` is called with the number of events folded so far.
    """
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        return await refold(conn, platform, on_progress)


async def refold(
    conn: AsyncConnection[Any], platform: Platform, on_progress: Callable[[int], None] = lambda count: None
) -> int:
    """Fold into new tables beside the old ones, which are read and followed until the new ones replace them.

    The follower waits for the last events only. The caller has a transaction open, and holds `SCHEMA_LOCK`.
    """
    await conn.execute("drop schema if exists rebuilding cascade; create schema rebuilding")
    await conn.execute("set local search_path to rebuilding, public")
    await read_models.create(conn)
    position = count = 0
    follower_waits = False
    while True:
        if batch := await events_after(conn, platform, position, MAX_EVENTS):
            async with conn.pipeline():
                await read_models.advance(conn, [event for _, event in batch], [at for at, _ in batch])
            position, count = batch[-1][0], count + len(batch)
            on_progress(count)
        if len(batch) < MAX_EVENTS:
            if follower_waits:
                break
            await conn.execute("select position from follower for update")
            follower_waits = True
    await read_models.replace(conn, "rebuilding", position)
    await conn.execute("set local search_path to public; drop schema rebuilding")
    return count


async def installation_id(conn: AsyncConnection[Any]) -> UUID:
    """Return the id that labels whatever this installation makes on an engine."""
    cur = await conn.execute("select id from installation")
    row = await cur.fetchone()
    assert row is not None, "migrate() makes it"
    id: UUID = row[0]
    return id
