"""The log and its read models for one command of the shell: beside a server that is running, or without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from application.platform import Platform
from application.ports.clock import Clock
from application.vm_administration import appoint_administrator
from domain.errors import NotFound
from infra.eventlog.follower import Follower
from infra.eventlog.notifications import Signals
from infra.postgres import database
from infra.postgres import embedded as embedded_postgres
from infra.process.shutdown import Stopping
from infra.runtime.home import CannotStart
from infra.runtime.tasks import end
from infra.settings import Settings
from infra.tables.accounts import Accounts
from infra.tables.signing_keys import AUDIENCES
from infra.tables.vm_accounts import VmAccountRows
from infra.wiring import schema
from infra.wiring.bootstrap import close, now, open_database, signing_keys
from projections.hub import Batch
from projections.query import Queries

CATCHING_UP = 30.0  # seconds


@dataclass(frozen=True)
class Direct:
    """What the shell reads from: `interfaces.cli.host.Log`."""

    queries: Queries
    people: Accounts
    platform: Platform
    clock: Clock
    behind: bool  # the read models have not come to the end of the log in time

    async def after(self, position: int) -> None:
        """Return when there is something in the trail after this position."""
        while not await self.queries.followed.wait_for(position + 1, timeout_s=3600):
            pass


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Direct]:
    """Where no server follows the log, this process does meanwhile: the trail is up to date in any case."""
    with existing_database(settings) as url:
        platform, _, _ = await open_database(url)
        pool = database.create_pool(url, size=4)
        await pool.open()
        try:
            signals = Signals(url)
            queries, people = Queries(pool, signals.followed), Accounts(pool, uuid4)
            follower = Follower(url, platform, signals, told_elsewhere)
            background = [asyncio.create_task(signals.run()), asyncio.create_task(follower.run())]
            try:
                behind = not await signals.followed.wait_for(await head(pool), CATCHING_UP)
                yield Direct(queries, people, platform, now, behind)
            finally:
                await end(background)
        finally:
            await pool.close()
            await asyncio.to_thread(close, platform)


async def rotate(settings: Settings) -> dict[str, str]:
    """Keys of every audience made anew. Returns their ids, by audience."""
    with existing_database(settings) as url:
        platform, _, _ = await open_database(url)
        await asyncio.to_thread(close, platform)
        async with database.create_pool(url, size=2) as pool:
            keys = signing_keys(pool, settings)
            return {it.name: (await keys.rotate(it)).kid for it in AUDIENCES.values()}


async def appoint(settings: Settings, username: str) -> None:
    """Let somebody who has registered administer virtual machines. `NotFound`."""
    with existing_database(settings) as url:
        platform, _, _ = await open_database(url)
        try:
            async with database.create_pool(url, size=2) as pool:
                user_id = await VmAccountRows(pool).find(username)
                if user_id is None:
                    raise NotFound(f"nobody has registered as {username}")
                await appoint_administrator(platform, user_id, now())
        finally:
            await asyncio.to_thread(close, platform)


async def rebuild(settings: Settings, folded: Callable[[int, int], None]) -> int:
    """Fold every read model anew. `folded` is told how many events there were so far, and how many there are."""
    with existing_database(settings) as url:
        platform, _, _ = await open_database(url)
        conn = await database.connect(url)
        try:
            cur = await conn.execute("select count(*) from tenure_events")
            (total,) = await cur.fetchone() or (0,)
            return await schema.rebuild(conn, platform, lambda count: folded(count, total))
        finally:
            await conn.close()
            await asyncio.to_thread(close, platform)


@contextmanager
def existing_database(settings: Settings) -> Iterator[str]:
    """Its URL. A home without one is a mistake here: nobody wants to read the history of an empty database."""
    if settings.database_url:
        yield settings.database_url
        return
    if not (settings.home / "postgres" / "PG_VERSION").exists():
        raise CannotStart(f"There is no database in {settings.home}. Name another home with --home.")
    with Stopping() as stopping:
        url = embedded_postgres.start(settings.home)
    try:
        if stopping.told:
            raise KeyboardInterrupt
        yield url
    finally:
        embedded_postgres.stop(settings.home)


async def head(pool: Any) -> int:
    async with pool.connection() as conn:
        cur = await conn.execute("select coalesce(max(notification_id), 0) from tenure_events")
        (position,) = await cur.fetchone() or (0,)
        return int(position)


async def told_elsewhere(batch: Batch) -> None:
    """Servers look up what nobody has told them."""
