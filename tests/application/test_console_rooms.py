"""Turns at a console: one user has the turn, the others wait in the order in which they asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid5

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from application.access import Actor, Cause
from application.claims import Claims
from application.console_rooms import ConsoleRooms, NotYourTurn, RoomMember, TurnStatus
from application.console_turns import ConsoleTurns
from application.ports.consoles import ConsoleViewer
from application.ports.displays import Act
from application.ports.errors import Unavailable
from domain.claim import Claim
from tests.support.memory_platform import memory_platform
from tests.support.story import SUBJECT, T0

LASTS = timedelta(seconds=60)
KEY, MOVE = Act("keydown", code=65), Act("move", x=1, y=1)
USERS = [Actor(uuid5(SUBJECT, name), name, "") for name in ("ada", "bob", "cyd")]
ADA, BOB, CYD = USERS


class News:
    """`SubjectChanges` of a log that everybody writes into."""

    def __init__(self) -> None:
        self.followers: list[asyncio.Queue[Exception | None]] = []

    async def follow(self, subject: UUID) -> AsyncGenerator[None, None]:
        assert subject == Claim.id_of(SUBJECT)
        queue: asyncio.Queue[Exception | None] = asyncio.Queue()
        queue.put_nowait(None)
        self.followers.append(queue)
        try:
            while True:
                error = await queue.get()
                try:
                    if error:
                        raise error
                    yield None
                finally:
                    queue.task_done()
        finally:
            self.followers.remove(queue)

    def tell(self, error: Exception | None = None) -> None:
        for queue in self.followers:
            queue.put_nowait(error)


@dataclass(eq=False)
class Browser:
    """`ConsoleViewer`, as far as rooms use it, and the turns that it is sent."""

    acts: list[Act] = field(default_factory=list)
    releases: int = 0
    turns: list[TurnStatus] = field(default_factory=list)

    async def act(self, act: Act) -> None:
        self.acts.append(act)

    async def release_all(self) -> None:
        self.releases += 1


class Console:
    """One machine's console on one server or several, which share a log and a clock."""

    def __init__(self, servers: int = 1) -> None:
        self.now = T0
        self.platform = memory_platform()
        self.news = News()
        self.turns = ConsoleTurns(self.platform, lambda: self.now, LASTS)
        self.claims = Claims(self.platform, lambda: self.now, LASTS)
        self.servers = [ConsoleRooms(self.turns, self.news) for _ in range(servers)]

    @asynccontextmanager
    async def member(self, actor: Actor, server: int = 0) -> AsyncIterator[tuple[RoomMember, Browser]]:
        browser = Browser()
        viewer = cast(ConsoleViewer, browser)
        async with self.servers[server].enter(SUBJECT, actor, viewer, browser.turns.append) as member:
            await self.settle()
            yield member, browser

    async def settle(self) -> None:
        """Let all rooms hear of what has happened, and do what follows from it."""
        self.news.tell()
        for _ in range(3):
            await asyncio.sleep(0)
            await asyncio.gather(*(queue.join() for queue in self.news.followers))

    async def wait(self, time: timedelta) -> None:
        """Let time pass, and what is due be done."""
        self.now += time
        if await self.platform.last_event(Claim.id_of(SUBJECT)):
            await self.claims.expire(Claim.id_of(SUBJECT), Cause())
        await self.settle()

    async def holder(self) -> UUID | None:
        holder = await self.turns.holder(SUBJECT)
        return holder and holder[0]


@pytest.fixture
async def console() -> AsyncIterator[Console]:
    console = Console(servers=2)
    yield console
    console.platform.close()


async def test_the_first_to_use_a_free_machine_has_the_turn(console: Console) -> None:
    async with console.member(ADA) as (ada, browser), console.member(BOB) as (bob, other):
        # when
        await ada.act(KEY)
        with pytest.raises(NotYourTurn):
            await bob.act(KEY)
        await bob.act(MOVE)  # dropped in silence
        # then
        assert (browser.acts, other.acts) == ([KEY], [])
        assert ada.turn == TurnStatus(is_own=True, ends_at=T0 + LASTS, waiting=0, place=None)
        assert other.turns[-1] == TurnStatus(is_own=False, ends_at=T0 + LASTS, waiting=0, place=None)


async def test_a_move_over_a_free_machine_takes_the_turn(console: Console) -> None:
    async with console.member(ADA) as (ada, browser):
        # when
        await ada.act(MOVE)
        # then
        assert browser.acts == [MOVE] and ada.turn.is_own


async def test_a_turn_that_is_given_up_goes_to_the_first_who_waits(console: Console) -> None:
    async with (
        console.member(ADA) as (ada, browser),
        console.member(BOB) as (bob, _),
        console.member(CYD) as (cyd, _),
    ):
        # given
        for member in (ada, bob, cyd):
            await member.ask_for_turn()
        assert [member.turn.place for member in (ada, bob, cyd)] == [None, 1, 2]
        # when
        await ada.give_up_turn()
        # then
        assert bob.turn.is_own and cyd.turn.place == 1 and browser.releases


async def test_a_turn_is_prolonged_while_nobody_waits_and_ends_while_somebody_does(console: Console) -> None:
    async with console.member(ADA) as (ada, browser), console.member(BOB) as (bob, _):
        # given
        await ada.act(KEY)
        console.now += LASTS * 0.6
        # when
        await ada.act(KEY)
        # then
        assert ada.turn.ends_at == console.now + LASTS
        # when
        await bob.ask_for_turn()
        console.now += LASTS * 0.6
        await ada.act(KEY)
        await console.wait(LASTS * 0.4)
        # then
        assert bob.turn.is_own and browser.releases


async def test_browsers_of_one_user_share_the_turn_until_the_last_of_them_leaves(console: Console) -> None:
    async with console.member(BOB) as (bob, _):
        async with console.member(ADA) as (one, _):
            async with console.member(ADA) as (other, browser):
                # given
                await one.ask_for_turn()
                await bob.ask_for_turn()
                # when
                await other.act(KEY)
                # then
                assert browser.acts == [KEY]
            assert one.turn.is_own
        assert bob.turn.is_own


async def test_a_turn_that_is_taken_on_another_server_counts_here(console: Console) -> None:
    async with console.member(ADA, 0) as (ada, browser), console.member(BOB, 1) as (bob, _):
        # given
        await bob.act(KEY)
        await console.settle()
        # when
        with pytest.raises(NotYourTurn):
            await ada.act(KEY)
        await ada.ask_for_turn()
        await bob.give_up_turn()
        await console.settle()
        # then
        assert ada.turn.is_own and not bob.turn.is_own and browser.acts == []


async def test_a_room_follows_on_after_news_were_missed(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.console_rooms.RETRY_DELAY_S", 0)
    async with console.member(ADA, 0) as (ada, _), console.member(BOB, 1) as (bob, _):
        # given
        await ada.act(KEY)
        await bob.ask_for_turn()
        # when
        console.news.tell(Unavailable("stream", "missed"))
        await console.settle()
        await ada.give_up_turn()
        await console.settle()
        # then
        assert bob.turn.is_own


async def test_a_room_is_closed_behind_the_last_who_leaves(console: Console) -> None:
    # when
    async with console.member(ADA):
        assert len(console.news.followers) == 1
    await asyncio.sleep(0.01)
    # then
    assert console.news.followers == []


def test_one_user_has_the_turn_and_the_others_wait_in_order() -> None:
    class History(RuleBasedStateMachine):
        """`holder`, `end` and `queue` are what ought to be so."""

        def __init__(self) -> None:
            super().__init__()
            self.runner = asyncio.Runner()
            self.console = self.run(self.make())
            self.open = AsyncExitStack()
            self.exits: dict[RoomMember, AsyncExitStack] = {}
            self.browsers: dict[RoomMember, Browser] = {}
            self.holder: UUID | None = None
            self.end = T0
            self.queue: list[RoomMember] = []

        async def make(self) -> Console:
            return Console()

        def run(self, awaitable: Any) -> Any:
            async def awaited() -> Any:
                result = await awaitable
                if isinstance(getattr(self, "console", None), Console):
                    await self.console.settle()
                return result

            return self.runner.run(awaited())

        def teardown(self) -> None:
            for stack in self.exits.values():
                self.run(stack.aclose())
            self.console.platform.close()
            self.runner.close()

        @property
        def now_holder(self) -> UUID | None:
            return self.holder if self.end > self.console.now else None

        def give(self, user: UUID) -> None:
            self.holder, self.end = user, self.console.now + LASTS

        def pass_on(self) -> None:
            """The turn is free: the first of the queue gets it."""
            self.holder = None
            if self.queue:
                self.give(self.queue.pop(0).actor.user_id)
                # Another browser of the same user stays in the queue: the user may ask twice.

        def pick(self, number: int) -> RoomMember:
            members = list(self.exits)
            return members[number % len(members)]

        @rule(actor=st.sampled_from(USERS))
        def enter(self, actor: Actor) -> None:
            if len(self.exits) >= 5:
                return
            stack = AsyncExitStack()
            member, browser = self.run(stack.enter_async_context(self.console.member(actor)))
            self.exits[member], self.browsers[member] = stack, browser

        @precondition(lambda self: self.exits)
        @rule(number=st.integers(0, 9))
        def leave(self, number: int) -> None:
            member = self.pick(number)
            self.run(self.exits.pop(member).aclose())
            if member in self.queue:
                self.queue.remove(member)
            user = member.actor.user_id
            if self.now_holder == user and all(other.actor.user_id != user for other in self.exits):
                self.pass_on()

        @precondition(lambda self: self.exits)
        @rule(number=st.integers(0, 9))
        def ask(self, number: int) -> None:
            member = self.pick(number)
            self.run(member.ask_for_turn())
            if self.now_holder == member.actor.user_id or member in self.queue:
                return
            if self.now_holder is None and not self.queue:
                self.give(member.actor.user_id)
            else:
                self.queue.append(member)

        @precondition(lambda self: self.exits)
        @rule(number=st.integers(0, 9))
        def give_up(self, number: int) -> None:
            member = self.pick(number)
            self.run(member.give_up_turn())
            if member in self.queue:
                self.queue.remove(member)
            if self.now_holder == member.actor.user_id:
                self.pass_on()

        @precondition(lambda self: self.exits)
        @rule(number=st.integers(0, 9), act=st.sampled_from([KEY, MOVE]))
        def act(self, number: int, act: Act) -> None:
            member = self.pick(number)
            before = len(self.browsers[member].acts)
            may_act = self.now_holder == member.actor.user_id or (self.now_holder is None and not self.queue)
            if may_act or act is MOVE:
                self.run(member.act(act))
            else:
                with pytest.raises(NotYourTurn):
                    self.run(member.act(act))
            assert len(self.browsers[member].acts) == before + may_act
            if may_act and self.now_holder is None:
                self.give(member.actor.user_id)
            elif may_act and not self.queue and self.end - self.console.now < LASTS / 2:
                self.end = self.console.now + LASTS

        @rule(seconds=st.sampled_from([1, 29, 31, 60]))
        def time_passes(self, seconds: int) -> None:
            self.run(self.console.wait(timedelta(seconds=seconds)))
            if self.holder and self.now_holder is None:
                self.pass_on()

        @invariant()
        def everybody_sees_the_same(self) -> None:
            assert self.run(self.console.holder()) == self.now_holder
            assert not self.queue or self.now_holder
            for member in self.exits:
                is_own = self.now_holder == member.actor.user_id
                place = self.queue.index(member) + 1 if member in self.queue else None
                expected = (is_own, len(self.queue), place)
                assert (member.turn.is_own, member.turn.waiting, member.turn.place) == expected
                assert self.browsers[member].turns[-1] == member.turn

    run_state_machine_as_test(
        History, settings=settings(max_examples=50, stateful_step_count=30, deadline=None, database=None)
    )
