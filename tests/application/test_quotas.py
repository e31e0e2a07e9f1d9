"""Quotas where things are created: at once, through several processes, and after what is held has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import pytest

from application.access import Actor, Cause
from application.ports.errors import TooMany
from application.quotas import ABANDONED_AFTER, QuotaLimits, Use
from domain.api_key import ApiKey
from domain.errors import Conflict, NotAllowed
from domain.quota import QuotaExceeded
from domain.quota_defaults import NO_ROLE, Kind
from domain.role import Role
from domain.user import User
from infra.postgres import database
from infra.tables.holdings import FILL, HoldingRows
from infra.wiring.database import open_database
from tests.support.story import SUBJECT

ANNA, BOB = (Actor(uuid5(SUBJECT, name), name, "") for name in ("anna", "bob"))
ADMIN = Actor(uuid5(SUBJECT, "admin"), "admin", "", role=Role.ADMIN)
MAX_KEYS = 5


@dataclass
class Keys:
    """API keys under a quota, as one process creates them."""

    quotas: QuotaLimits

    async def create(self, actor: Actor) -> UUID:
        id, now = uuid4(), self.quotas.clock()
        key = ApiKey.create(id=id, owner_id=actor.user_id, scopes=["full"], lasts=None, now=now)
        async with self.quotas.reserve(actor, Kind.KEYS, id):
            await self.quotas.platform.commit(Cause(), key)
        return id

    async def revoke(self, id: UUID) -> None:
        await self.quotas.platform.change(Cause(), ApiKey, id, lambda key: key.revoke(self.quotas.clock()))


async def opened(url: str, stack: AsyncExitStack) -> Keys:
    """One process on this database."""
    log = await open_database(url)
    stack.push_async_callback(log.close)
    pool = await stack.enter_async_context(database.create_pool(url, 4))
    return Keys(QuotaLimits(log.platform, lambda: datetime.now(UTC), HoldingRows(pool)))


@pytest.fixture
async def keys(database: str) -> AsyncIterator[Keys]:
    async with AsyncExitStack() as stack:
        keys = await opened(database, stack)
        await keys.quotas.set_for_role(ADMIN, NO_ROLE, {"keys": MAX_KEYS})
        yield keys


@pytest.mark.fault("F24")
async def test_of_20_at_once_through_two_processes_no_more_are_created_than_the_quota(
    keys: Keys, database: str
) -> None:
    async with AsyncExitStack() as stack:
        processes = [keys, await opened(database, stack)]
        outcomes = await asyncio.gather(*(processes[n % 2].create(ANNA) for n in range(20)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["QuotaExceeded"] * 15 + ["UUID"] * MAX_KEYS
    assert await keys.create(BOB), "another user has a quota of their own"


@pytest.mark.fault("F24")
async def test_what_has_ended_counts_no_longer(keys: Keys) -> None:
    ids = [await keys.create(ANNA) for _ in range(MAX_KEYS)]
    with pytest.raises(QuotaExceeded, match="your quota of keys is 5, you have 5, and this needs one more"):
        await keys.create(ANNA)
    await keys.revoke(ids[0])
    assert (await keys.quotas.use_of(ANNA))[Kind.KEYS] == Use(MAX_KEYS - 1, MAX_KEYS)
    await keys.create(ANNA)
    with pytest.raises(QuotaExceeded):
        await keys.create(ANNA)


async def test_what_is_refused_is_given_back(keys: Keys) -> None:
    for _ in range(MAX_KEYS + 1):
        with pytest.raises(Conflict, match="the name is taken"):
            async with keys.quotas.reserve(ANNA, Kind.KEYS, uuid4()):
                raise Conflict("the name is taken")
    assert (await keys.quotas.use_of(ANNA))[Kind.KEYS].used == 0


async def test_what_a_crash_left_behind_counts_for_a_while(keys: Keys) -> None:
    # given
    for _ in range(MAX_KEYS):
        with pytest.raises(RuntimeError, match="out of memory"):
            async with keys.quotas.reserve(ANNA, Kind.KEYS, uuid4()):
                raise RuntimeError("out of memory")
    # then
    with pytest.raises(QuotaExceeded):
        await keys.create(ANNA)
    later = timedelta(seconds=1) + ABANDONED_AFTER
    await Keys(replace(keys.quotas, clock=lambda: datetime.now(UTC) + later)).create(ANNA)


@pytest.mark.fault("F24")
async def test_administrators_set_quotas_as_events_and_nobody_else_does(keys: Keys) -> None:
    quotas = keys.quotas
    # when
    await quotas.set_for_user(ADMIN, ANNA.user_id, {"keys": 1, "streams": 2})
    # then
    await keys.create(ANNA)
    with pytest.raises(QuotaExceeded):
        await keys.create(ANNA)
    event = await quotas.platform.last_event((await quotas.all_quotas(ADMIN)).id)
    assert (event.by, event.user_id, event.quota, event.limit) == (ADMIN.user_id, ANNA.user_id, "streams", 2)
    for actor in (ANNA, replace(ANNA, role=Role.OPERATOR)):
        with pytest.raises(NotAllowed):
            await quotas.set_for_user(actor, ANNA.user_id, {"keys": 1000})
        with pytest.raises(NotAllowed):
            await quotas.all_quotas(actor)


async def test_a_role_has_quotas_of_its_own(keys: Keys) -> None:
    joined = User(id=ANNA.user_id, at=keys.quotas.clock(), role="viewer", invite_id=None)
    await keys.quotas.platform.commit(Cause(), joined)
    await keys.quotas.set_for_role(ADMIN, "viewer", {"keys": 1})
    assert (await keys.quotas.use_of(ANNA))[Kind.KEYS] == Use(0, 1)


@pytest.mark.fault("F24")
async def test_streams_are_counted_while_they_are_open(keys: Keys) -> None:
    await keys.quotas.set_for_role(ADMIN, NO_ROLE, {"streams": 2})
    async with keys.quotas.stream(ANNA), keys.quotas.stream(BOB):
        stream = await keys.quotas.open_stream(ANNA)
        with pytest.raises(TooMany, match="your quota of streams is 2, and as many are open"):
            await keys.quotas.open_stream(ANNA)
        assert (await keys.quotas.use_of(ANNA))[Kind.STREAMS] == Use(2, 2)
        stream.close()
        stream.close()
        async with keys.quotas.stream(ANNA):
            pass
    assert (await keys.quotas.use_of(ANNA))[Kind.STREAMS].used == 0


@pytest.mark.fault("F24")
async def test_what_an_older_version_created_counts(keys: Keys, database: str) -> None:
    async with AsyncExitStack() as stack:
        await keys.create(ANNA)
        pool = keys.quotas.holdings._pool  # type: ignore[attr-defined]
        async with pool.connection() as conn:
            await conn.execute("delete from holdings")
            await conn.execute(
                "insert into api_keys (id, owner_id, created_at, scopes) values (%s, %s, now(), '{}')",
                (uuid4(), ANNA.user_id),
            )
            await conn.execute(FILL)
        await opened(database, stack)
        async with pool.connection() as conn:
            rows = await (await conn.execute("select user_id, kind, amount from holdings")).fetchall()
    assert rows == [(ANNA.user_id, "keys", 1)]
