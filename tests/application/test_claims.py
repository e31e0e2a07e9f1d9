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

    def do(self, awaitable: Awaitable[T]) -> T:
        async def asking() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(asking(), self.loop).result(20)


@contextmanager
def world(database: str) -> Iterator[World]:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    two_servers = World(loop, [], [])
    for _ in range(2):
        opened = two_servers.do(open_database(database))
        two_servers.databases.append(opened)
        two_servers.servers.append(Claims(opened.platform, lambda: two_servers.now, LASTS))
    for actor in (*PEOPLE, ADMIN):
        joined = User(id=actor.user_id, at=T0, role=str(actor.role), invite_id=None)
        two_servers.do(two_servers.databases[0].platform.commit(Cause(), joined))
    try:
        yield two_servers
    finally:
        for opened in two_servers.databases:
            two_servers.do(opened.close())
        loop.call_soon_threadsafe(loop.stop)


async def outcome(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except Refused as refused:
        return refused


@pytest.fixture
def twice(database: str) -> Iterator[World]:
    with world(database) as two_servers:
        yield two_servers


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

        @rule(actor=ANYBODY | st.just(ADMIN), at=SERVERS)
        def claim(self, actor: Actor, at: int) -> None:
            answer = twice.do(outcome(twice.servers[at].take(actor, self.session, None)))
            if self.has() in (None, actor.user_id) or actor is ADMIN:
                assert isinstance(answer, Claim) and answer.holder_id == actor.user_id
                asking = self.asking if self.has() == actor.user_id else set()
                self.give(actor.user_id)
                self.asking = asking
            else:
                assert isinstance(answer, Claimed)
                assert (answer.holder_id, answer.expires_at) == (self.holder, self.until)

        @rule(
            many=st.lists(
                st.tuples(ANYBODY, SERVERS), min_size=2, max_size=20, unique_by=lambda claimant: claimant[0].user_id
            )
        )
        def claim_all_at_once(self, many: list[tuple[Actor, int]]) -> None:
            async def all_at_once() -> list[Any]:
                claims = (outcome(twice.servers[at].take(actor, self.session, None)) for actor, at in many)
                return await asyncio.gather(*claims)

            answers = twice.do(all_at_once())
            won = [actor.user_id for (actor, _), answer in zip(many, answers, strict=True) if isinstance(answer, Claim)]
            if self.has() is None:
                assert len(won) == 1
                self.give(won[0])
            else:
                assert won == [actor.user_id for actor, _ in many if actor.user_id == self.has()]
                if won:
                    self.until = twice.now + LASTS
            losers = [answer for answer in answers if not isinstance(answer, Claim)]
            assert all(isinstance(loser, Claimed) and loser.holder_id == self.holder for loser in losers)

        @rule(actor=ANYBODY | st.just(ADMIN), at=SERVERS)
        def release(self, actor: Actor, at: int) -> None:
            answer = twice.do(outcome(twice.servers[at].release(actor, self.session)))
            if self.has() is None:
                assert isinstance(answer, NotFound)
            elif self.has() == actor.user_id or actor is ADMIN:
                assert isinstance(answer, Claim)
                self.holder = None
            else:
                assert isinstance(answer, NotAllowed)

        @rule(actor=ANYBODY, at=SERVERS)
        def type_a_key(self, actor: Actor, at: int) -> None:
            holder = twice.do(twice.servers[at].holder(self.session))
            assert (holder[0] if holder else None) == self.has()
            if holder and holder[0] == actor.user_id:
                twice.do(twice.servers[at].used(actor, self.session, holder[1]))
                if self.until - twice.now < LASTS / 2:
                    self.until = twice.now + LASTS

        @rule(actor=ANYBODY, at=SERVERS)
        def ask_for_it(self, actor: Actor, at: int) -> None:
            answer = twice.do(outcome(twice.servers[at].ask_for(actor, self.session, None)))
            assert isinstance(answer, NotFound if self.has() is None else Claim)
            if self.has() not in (None, actor.user_id):
                self.asking.add(actor.user_id)

        @rule(to=ANYBODY, at=SERVERS, by=ANYBODY)
        def hand_it_over(self, to: Actor, at: int, by: Actor) -> None:
            by = next((one for one in PEOPLE if one.user_id == self.has()), by)
            answer = twice.do(outcome(twice.servers[at].hand_over(by, self.session, to.user_id)))
            if self.has() == by.user_id and to.user_id in self.asking:
                assert isinstance(answer, Claim)
                self.give(to.user_id)
            else:
                assert isinstance(answer, Refused)

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
        answers = await asyncio.gather(*(outcome(claims.take(actor, SUBJECT, None)) for actor in many))
        (won,) = [answer for answer in answers if isinstance(answer, Claim)]
        lost = [(answer.holder_id, answer.expires_at) for answer in answers if isinstance(answer, Claimed)]
        assert lost == [(won.holder_id, T0 + LASTS)] * 49
    finally:
        await opened.close()
