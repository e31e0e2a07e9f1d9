"""Typing: who may send keys, with and without a claim, and what that does to the claim."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid5

import pytest

from application.access import Actor
from application.claims import Claims
from application.ports.errors import Unavailable
from application.ports.terminals import Address, PaneNotFound, Terminals
from application.terminals import ClaimedByOther, MayNotType, NotClaimed, TerminalInput, TerminalUnavailable
from domain.role import Role
from tests.support.memory_platform import memory_platform
from tests.support.story import SUBJECT, T0

LASTS = timedelta(minutes=30)
ADDRESS = Address("host", 1, "$1", T0)


def member(name: str, role: Role) -> Actor:
    return Actor(uuid5(SUBJECT, name), name, "", role=role)


OTTO, OSKAR = member("otto", Role.OPERATOR), member("oskar", Role.OPERATOR)
ADAM, VERA = member("adam", Role.ADMIN), member("vera", Role.VIEWER)


class Typewriter:
    """The terminals, as far as typing goes."""

    def __init__(self) -> None:
        self.typed: list[tuple[str | None, bytes]] = []
        self.error: Exception | None = None

    async def type(self, at: Address, pane: str | None, keys: bytes) -> None:
        if self.error:
            raise self.error
        self.typed.append((pane, keys))


class Desk:
    """One session, with a clock."""

    def __init__(self) -> None:
        self.now = T0
        self.platform = memory_platform()
        self.claims = Claims(self.platform, lambda: self.now, LASTS)
        self.typewriter = Typewriter()
        self.input = TerminalInput(self.claims, cast(Terminals, self.typewriter))

    async def type(self, actor: Actor, *, claim_needed: bool, owner_id: UUID | None = None) -> None:
        await self.input.type_keys(actor, SUBJECT, ADDRESS, owner_id, "0", b"x", claim_needed=claim_needed)

    async def claim_end(self) -> Any:
        holder = await self.claims.holder(SUBJECT)
        return holder and holder[1]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.platform.close()


@pytest.mark.parametrize("claim_needed", [False, True])
async def test_a_viewer_may_not_type_even_while_nobody_holds_the_claim(desk: Desk, claim_needed: bool) -> None:
    # when
    with pytest.raises(MayNotType):
        await desk.type(VERA, claim_needed=claim_needed)
    # then
    assert desk.typewriter.typed == []


async def test_without_a_claim_keys_arrive_only_where_none_is_needed(desk: Desk) -> None:
    # when
    await desk.type(OTTO, claim_needed=False)
    with pytest.raises(NotClaimed):
        await desk.type(OTTO, claim_needed=True)
    # then
    assert desk.typewriter.typed == [("0", b"x")]
    assert await desk.claim_end() is None


@pytest.mark.parametrize("claim_needed", [False, True])
async def test_while_somebody_holds_the_claim_nobody_else_types(desk: Desk, claim_needed: bool) -> None:
    # given
    await desk.claims.take(OTTO, SUBJECT, None)
    # when
    await desk.type(OTTO, claim_needed=claim_needed)
    for actor in (OSKAR, ADAM):
        with pytest.raises(ClaimedByOther):
            await desk.type(actor, claim_needed=claim_needed)
    # then
    assert len(desk.typewriter.typed) == 1


@pytest.mark.parametrize(("minutes", "prolonged"), [(14, False), (16, True)])
async def test_typing_prolongs_a_claim_once_half_of_its_time_is_over(desk: Desk, minutes: int, prolonged: bool) -> None:
    # given
    await desk.claims.take(OTTO, SUBJECT, None)
    desk.now += timedelta(minutes=minutes)
    # when
    await desk.type(OTTO, claim_needed=True)
    # then
    assert await desk.claim_end() == (desk.now if prolonged else T0) + LASTS


async def test_a_workspace_is_typed_into_by_its_holder_and_by_admins(desk: Desk) -> None:
    # when
    await desk.type(VERA, owner_id=VERA.user_id, claim_needed=False)
    await desk.type(ADAM, owner_id=VERA.user_id, claim_needed=False)
    with pytest.raises(MayNotType):
        await desk.type(OTTO, owner_id=VERA.user_id, claim_needed=False)
    # then
    assert len(desk.typewriter.typed) == 2


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(PaneNotFound("no pane"), PaneNotFound), (Unavailable("tmux", "away", 5), TerminalUnavailable)],
)
async def test_keys_that_do_not_arrive_do_not_prolong_the_claim(
    desk: Desk, failure: Exception, raised: type[Exception]
) -> None:
    # given
    await desk.claims.take(OTTO, SUBJECT, None)
    desk.now += timedelta(minutes=20)
    desk.typewriter.error = failure
    # when
    with pytest.raises(raised, match=str(failure)):
        await desk.type(OTTO, claim_needed=True)
    # then
    assert await desk.claim_end() == T0 + LASTS
