"""Claims by twenty people over two servers: at every moment at most one has it, and nobody else may type."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Thread
from typing import Any, TypeVar
from uuid import UUID, uuid5

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from application.access import Actor, Cause
from application.claims import Claims
from domain.claim import Claim, Claimed
from domain.errors import NotAllowed, NotFound, Refused
from domain.role import Role
from domain.user import User
from infra.wiring.database import Database, open_database
from tests.support.story import SUBJECT, T0

LASTS = timedelta(minutes=30)
PEOPLE = [Actor(uuid5(SUBJECT, f"person {n}"), f"person {n}", "", role=Role.OPERATOR) for n in range(20)]
ADMIN = Actor(uuid5(SUBJECT, "admin"), "admin", "", role=Role.ADMIN)
ANYBODY = st.sampled_from(PEOPLE)
SERVERS = st.integers(0, 1)
T = TypeVar("T")


@dataclass
class World:
    """Two servers on one database, and a clock that both have."""

    loop: asyncio.AbstractEventLoop
    servers: list[Claims]
    databases: list[Database]
    now: datetime = T0

    def do(self, asked: Awaitable[T]) -> T:
        async def asking() -> T:
            return await asked

        return asyncio.run_coroutine_threadsafe(asking(), self.loop).result(20)


@contextmanager
def world(database: str) -> Iterator[World]:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    it = World(loop, [], [])
    for _ in range(2):
        opened = it.do(open_database(database))
        it.databases.append(opened)
        it.servers.append(Claims(opened.platform, lambda: it.now, LASTS))
    for actor in (*PEOPLE, ADMIN):
        joined = User(id=actor.user_id, at=T0, role=str(actor.role), invite_id=None)
        it.do(it.databases[0].platform.commit(Cause(), joined))
    try:
        yield it
    finally:
        for opened in it.databases:
            it.do(opened.close())
        loop.call_soon_threadsafe(loop.stop)


async def outcome(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
    except Refused as refused:
        return refused


@pytest.fixture
def twice(database: str) -> Iterator[World]:
    with world(database) as it:
        yield it


def test_at_every_moment_at_most_one_has_it(twice: World) -> None:
    class History(RuleBasedStateMachine):
        """`holder` and `until` are what ought to be so."""

        number = 0

        def __init__(self) -> None:
            super().__init__()
            History.number += 1
            self.session = uuid5(SUBJECT, f"session {History.number}")
            self.holder: UUID | None = None
            self.until = T0
            self.asking: set[UUID] = set()

        def has(self) -> UUID | None:
            return self.holder if self.until > twice.now else None

        def give(self, to: UUID) -> None:
            self.holder, self.until, self.asking = to, twice.now + LASTS, set()

        @rule(who=ANYBODY | st.just(ADMIN), at=SERVERS)
        def claim(self, who: Actor, at: int) -> None:
            said = twice.do(outcome(twice.servers[at].take(who, self.session, None)))
            if self.has() in (None, who.user_id) or who is ADMIN:
                assert isinstance(said, Claim) and said.holder_id == who.user_id
                asking = self.asking if self.has() == who.user_id else set()
                self.give(who.user_id)
                self.asking = asking
            else:
                assert isinstance(said, Claimed)
                assert (said.holder_id, said.expires_at) == (self.holder, self.until)

        @rule(many=st.lists(st.tuples(ANYBODY, SERVERS), min_size=2, max_size=20, unique_by=lambda it: it[0].user_id))
        def claim_all_at_once(self, many: list[tuple[Actor, int]]) -> None:
            async def all_at_once() -> list[Any]:
                asked = (outcome(twice.servers[at].take(who, self.session, None)) for who, at in many)
                return await asyncio.gather(*asked)

            said = twice.do(all_at_once())
            won = [who.user_id for (who, _), it in zip(many, said, strict=True) if isinstance(it, Claim)]
            if self.has() is None:
                assert len(won) == 1
                self.give(won[0])
            else:
                assert won == [who.user_id for who, _ in many if who.user_id == self.has()]
                if won:
                    self.until = twice.now + LASTS
            losers = [it for it in said if not isinstance(it, Claim)]
            assert all(isinstance(it, Claimed) and it.holder_id == self.holder for it in losers)

        @rule(who=ANYBODY | st.just(ADMIN), at=SERVERS)
        def release(self, who: Actor, at: int) -> None:
            said = twice.do(outcome(twice.servers[at].release(who, self.session)))
            if self.has() is None:
                assert isinstance(said, NotFound)
            elif self.has() == who.user_id or who is ADMIN:
                assert isinstance(said, Claim)
                self.holder = None
            else:
                assert isinstance(said, NotAllowed)

        @rule(who=ANYBODY, at=SERVERS)
        def type_a_key(self, who: Actor, at: int) -> None:
            held = twice.do(twice.servers[at].holder(self.session))
            assert (held[0] if held else None) == self.has()
            if held and held[0] == who.user_id:
                twice.do(twice.servers[at].used(who, self.session, held[1]))
                if self.until - twice.now < LASTS / 2:
                    self.until = twice.now + LASTS

        @rule(who=ANYBODY, at=SERVERS)
        def ask_for_it(self, who: Actor, at: int) -> None:
            said = twice.do(outcome(twice.servers[at].ask_for(who, self.session, None)))
            assert isinstance(said, NotFound if self.has() is None else Claim)
            if self.has() not in (None, who.user_id):
                self.asking.add(who.user_id)

        @rule(to=ANYBODY, at=SERVERS, by=ANYBODY)
        def hand_it_over(self, to: Actor, at: int, by: Actor) -> None:
            by = next((one for one in PEOPLE if one.user_id == self.has()), by)
            said = twice.do(outcome(twice.servers[at].hand_over(by, self.session, to.user_id)))
            if self.has() == by.user_id and to.user_id in self.asking:
                assert isinstance(said, Claim)
                self.give(to.user_id)
            else:
                assert isinstance(said, Refused)

        @rule(minutes=st.sampled_from([1, 5, 14, 16, 29, 30, 31]))
        def time_passes(self, minutes: int) -> None:
            twice.now += timedelta(minutes=minutes)

        @rule(at=SERVERS)
        def the_due_list_is_done(self, at: int) -> None:
            if twice.do(twice.databases[at].platform.last_event(Claim.id_of(self.session))):
                twice.do(twice.servers[at].expire(Claim.id_of(self.session), Cause()))

        @invariant()
        def both_servers_know_who_has_it(self) -> None:
            expected = (self.holder, self.until) if self.has() else None
            assert [twice.do(one.holder(self.session)) for one in twice.servers] == [expected] * 2

    run_state_machine_as_test(
        History, settings=settings(max_examples=25, stateful_step_count=30, deadline=None, database=None)
    )


async def test_of_fifty_who_claim_at_once_one_wins(database: str) -> None:
    opened = await open_database(database)
    platform = opened.platform
    try:
        claims = Claims(platform, lambda: T0, LASTS)
        many = [Actor(uuid5(SUBJECT, str(n)), str(n), "", role=Role.OPERATOR) for n in range(50)]
        for actor in many:
            await platform.commit(Cause(), User(id=actor.user_id, at=T0, role="operator", invite_id=None))
        said = await asyncio.gather(*(outcome(claims.take(who, SUBJECT, None)) for who in many))
        (won,) = [it for it in said if isinstance(it, Claim)]
        lost = [(it.holder_id, it.expires_at) for it in said if isinstance(it, Claimed)]
        assert lost == [(won.holder_id, T0 + LASTS)] * 49
    finally:
        await opened.close()
