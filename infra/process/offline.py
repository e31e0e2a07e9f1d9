"""Commands of the shell that work on the database itself, whether or not a server is running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from application.access import Cause
from application.claim_release import ClaimRelease
from application.first_owner import Ownership
from application.platform import Platform
from application.ports.clock import Clock
from application.vm_administration import appoint_administrator
from domain.errors import Invalid, NotFound
from infra.eventlog.follower import Follower
from infra.eventlog.notifications import Signals
from infra.postgres import database as postgres
from infra.postgres import embedded as embedded_postgres
from infra.process.shutdown import StopSignals
from infra.runtime.clock import utc_now
from infra.runtime.home import CannotStart
from infra.runtime.tasks import end_tasks
from infra.settings import Settings
from infra.tables.owner_links import OwnerLinkRows
from infra.tables.people import PeopleRows
from infra.tables.signing_keys import AUDIENCES
from infra.tables.snowflakes import Snowflakes
from infra.tables.vm_accounts import VmAccountRows
from infra.wiring import schema
from infra.wiring.api_keys import build_signing_keys
from infra.wiring.database import Database, open_database
from interfaces.native.history import people_named
from projections.claims import ClaimHolders
from projections.hub import Batch
from projections.query import Position, Queries

CATCH_UP_TIMEOUT_S = 30.0
MAX_CONNECTIONS = 4
WAIT_S = 3600  # of one wait for the next event, which is repeated


@dataclass(frozen=True)
class OfflineLog:
    """The log, and what is read from it: `interfaces.cli.host.Log`."""

    queries: Queries
    people: PeopleRows
    platform: Platform
    clock: Clock
    is_private: bool
    behind: bool  # the read models did not reach the end of the log within `CATCH_UP_TIMEOUT_S`

    @property
    def position(self) -> int:
        """The position up to which the read models, and so the trail, have come."""
        return self.queries.followed.value

    async def after(self, position: int) -> None:
        """Return when there is something in the trail after this position."""
        while not await self.queries.followed.wait_for(position + 1, timeout_s=WAIT_S):
            pass


@asynccontextmanager
async def open_log(settings: Settings) -> AsyncIterator[OfflineLog]:
    """Follow the log meanwhile, so that the trail is complete also where no server follows it."""
    async with opened(settings) as database:
        pool = postgres.create_pool(database.url, size=MAX_CONNECTIONS)
        await pool.open()
        try:
            signals = Signals(database.url)
            queries, people = Queries(pool, signals.followed), PeopleRows(pool, uuid4)
            follower = Follower(database.url, database.platform, signals, tell_nobody)
            background = [asyncio.create_task(signals.run()), asyncio.create_task(follower.run())]
            try:
                behind = not await signals.followed.wait_for(await last_position(pool), CATCH_UP_TIMEOUT_S)
                yield OfflineLog(queries, people, database.platform, utc_now, settings.is_local_and_private, behind)
            finally:
                await end_tasks(background)
        finally:
            await pool.close()


async def rotate(settings: Settings) -> dict[str, str]:
    """Make new keys for every audience of tokens. Returns the ids of the keys, by audience."""
    async with opened(settings) as database, postgres.create_pool(database.url, size=2) as pool:
        keys = build_signing_keys(settings, pool, utc_now)
        return {audience.name: (await keys.rotate(audience)).kid for audience in AUDIENCES.values()}


async def appoint(settings: Settings, username: str) -> None:
    """Let somebody who has registered administer virtual machines. Raises `NotFound`."""
    async with opened(settings) as database, postgres.create_pool(database.url, size=2) as pool:
        user_id = await VmAccountRows(pool).find(username)
        if user_id is None:
            raise NotFound(f"nobody has registered as {username}")
        await appoint_administrator(database.platform, user_id, utc_now())


async def set_owner(settings: Settings, name: str) -> str:
    """Make the user with this id or name the owner. Return how the history shows them.

    Raises `NotFound` for an unknown name, `Invalid` for one that several people have.
    """
    async with opened(settings) as database, postgres.create_pool(database.url, size=2) as pool:
        rows = PeopleRows(pool, uuid4)
        people = await people_named(rows, name)
        persons = await rows.describe(people)
        lines = [f"{person.name} ({person.scheme}, {id})" for id, person in persons.items()]
        if len(people) > 1:
            raise Invalid(f'{len(people)} people are called "{name}"; name one by the id: ' + ", ".join(lines))
        if not persons:
            raise NotFound(f"nobody here has the id {name}")
        # Without waiting: it may be that no process follows the log just now.
        holders = ClaimHolders(Queries(pool, Position()), wait=False)
        ownership = Ownership(
            platform=database.platform,
            clock=utc_now,
            numbers=Snowflakes(pool, utc_now),
            links=OwnerLinkRows(pool),
            claim_release=ClaimRelease(database.platform, utc_now, holders),
        )
        await ownership.give(people[0], Cause())
        return lines[0]


async def rebuild(settings: Settings, on_progress: Callable[[int, int], None]) -> int:
    """Fold every read model anew, and return the number of events.

    `on_progress` is called with the number of events folded so far, and of all events.
    """
    async with opened(settings) as database:
        conn = await postgres.connect(database.url)
        try:
            cur = await conn.execute("select count(*) from tenure_events")
            (total,) = await cur.fetchone() or (0,)
            return await schema.rebuild(conn, database.platform, lambda count: on_progress(count, total))
        finally:
            await conn.close()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    with existing_database(settings) as url:
        database = await open_database(url)
        try:
            yield database
        finally:
            await database.close()


@contextmanager
def existing_database(settings: Settings) -> Iterator[str]:
    """Yield the URL of the database; the embedded one is started if no server runs it.

    Raises `CannotStart` for a home without a database, which was named by mistake: its history would be empty.
    """
    if settings.database_url:
        yield settings.database_url
        return
    if not (settings.home / "postgres" / "PG_VERSION").exists():
        raise CannotStart(f"There is no database in {settings.home}. Name another home with --home.")
    with StopSignals() as signals:
        url = embedded_postgres.start(settings.home)
    try:
        if signals.received:
            raise KeyboardInterrupt
        yield url
    finally:
        embedded_postgres.stop(settings.home)


async def last_position(pool: Any) -> int:
    async with pool.connection() as conn:
        cur = await conn.execute("select coalesce(max(notification_id), 0) from tenure_events")
        (position,) = await cur.fetchone() or (0,)
        return int(position)


async def tell_nobody(batch: Batch) -> None:
    """Push nothing: servers look up by themselves what is not pushed to them."""
