"""What is asked of the world while somebody tries keys: the same, whatever is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from application.access import Actor
from application.api_keys import ApiKeys
from application.ports.errors import TooMany
from domain.errors import NotAllowed, NotFound
from domain.scope import Scope
from infra.auth.attempt_limiter import PerMinuteAttemptLimiter
from infra.postgres import database
from infra.tables.api_keys import ApiKeyRows
from infra.tables.people import PeopleRows
from infra.wiring.database import open_database
from tests.support.quotas import no_quotas
from tests.support.story import SUBJECT, T0

ANNA, BOB = (Actor(uuid5(SUBJECT, name), name, "") for name in ("anna", "bob"))


class Recorded:
    """A part of the world, and what is asked of it."""

    def __init__(self, part: Any, calls: list[str]) -> None:
        self._part, self._calls = part, calls

    def __getattr__(self, name: str) -> Any:
        self._calls.append(f"{type(self._part).__name__}.{name}")
        return getattr(self._part, name)


@pytest.fixture
async def keys(database: str) -> AsyncIterator[ApiKeys]:
    async for opened_keys in open_keys(database):
        yield opened_keys


async def open_keys(url: str) -> AsyncIterator[ApiKeys]:
    opened = await open_database(url)
    async with database.create_pool(url, 4) as pool:
        people = PeopleRows(pool, uuid4)
        limiter, auditors, quotas = PerMinuteAttemptLimiter(None, 100), frozenset({"eve"}), no_quotas(opened.platform)
        yield ApiKeys(
            opened.platform,
            lambda: T0,
            uuid4,
            ApiKeyRows(pool),
            limiter,
            people,
            "vm",
            auditors,
            quotas,
        )
    await opened.close()


async def test_wrong_keys_take_the_same_steps_whatever_is_wrong_with_them(keys: ApiKeys) -> None:
    _, good = await keys.create(ANNA, name="good")
    revoked, once_good = await keys.create(ANNA, name="revoked")
    await keys.revoke(ANNA, revoked.id)
    steps = []
    for text in (f"{good[:13]}{'x' * 43}", f"tnr_00000000_{good[13:]}", once_good, "tnr_", "", "é" * 10_000):
        calls: list[str] = []
        recorded: dict[str, Any] = {
            part: Recorded(getattr(keys, part), calls) for part in ("platform", "rows", "attempt_limiter", "people")
        }
        assert await replace(keys, **recorded).authenticate(text, "here") is None
        steps.append(calls)
    assert steps[0] == [
        "ApiKeyRows.find",
        "Platform.load",
        "PerMinuteAttemptLimiter.take",
    ]
    assert all(taken_steps == steps[0] for taken_steps in steps), steps


async def test_a_good_key_is_its_owners_within_its_scopes(keys: ApiKeys) -> None:
    key, text = await keys.create(ANNA, name="a", scopes=["read"], lasts=timedelta(hours=1))
    grant = await keys.authenticate(text, "here")
    assert grant and (grant.key_id, grant.user_id, grant.role) == (key.id, ANNA.user_id, None)
    assert (grant.scopes, grant.expires_at) == (frozenset({Scope.READ}), T0 + timedelta(hours=1))
    later = replace(keys, clock=lambda: T0 + timedelta(hours=1))
    assert await later.authenticate(text, "here") is None


async def test_who_may_not_audit_makes_no_key_that_may(keys: ApiKeys) -> None:
    with pytest.raises(NotAllowed):
        await keys.create(ANNA, name="a", scopes=["audit"])
    await keys.create(replace(ANNA, auditor=True), name="a", scopes=["audit"])


async def test_an_auditors_key_audits_for_as_long_as_they_may(keys: ApiKeys) -> None:
    eve = replace(ANNA, user_id=await keys.people.identify("vm", "eve"), auditor=True)
    for scopes in (["audit"], ["full"]):
        _, text = await keys.create(eve, name="a", scopes=scopes)
        now, then = keys, replace(keys, auditors=frozenset[str]())
        audits = [
            Scope.AUDIT in grant.scopes
            for service in (now, then)
            if (grant := await service.authenticate(text, "here"))
        ]
        assert audits == [True, False]


async def test_a_key_makes_none_that_reaches_further(keys: ApiKeys) -> None:
    for scopes in ({Scope.READ}, {Scope.AUDIT}, {Scope.READ, Scope.AUDIT}, set[Scope]()):
        with pytest.raises(NotAllowed):
            await keys.create(replace(ANNA, scopes=frozenset(scopes), auditor=True), name="a")
    with pytest.raises(NotAllowed):
        await keys.create(replace(ANNA, scopes=frozenset({Scope.FULL})), name="a", scopes=["audit"])


async def test_anothers_key_is_not_there(keys: ApiKeys) -> None:
    key, text = await keys.create(ANNA, name="a")
    for id in (key.id, UUID(int=7)):
        with pytest.raises(NotFound, match="^no such key$"):
            await keys.revoke(BOB, id)
    assert await keys.authenticate(text, "here")


@pytest.mark.fault("F16")
async def test_wrong_keys_are_limited_by_address_and_a_good_one_is_never_refused(keys: ApiKeys) -> None:
    _, text = await keys.create(ANNA, name="a")
    limited = replace(keys, attempt_limiter=PerMinuteAttemptLimiter(None, 3))
    for _ in range(3):
        assert await limited.authenticate("tnr_x", "here") is None
    with pytest.raises(TooMany):
        await limited.authenticate("tnr_x", "here")
    for address in ("here", "there"):
        assert await limited.authenticate(text, address)


@pytest.mark.fault("F14")
async def test_of_31_wrong_keys_at_once_no_more_are_answered_than_the_limit(keys: ApiKeys) -> None:
    limited = replace(keys, attempt_limiter=PerMinuteAttemptLimiter(None, 20))
    outcomes = await asyncio.gather(
        *(limited.authenticate(f"tnr_{n}", "here") for n in range(31)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType"] * 20 + ["TooMany"] * 11
