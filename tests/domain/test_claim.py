"""Exclusive control over a session: who has it, until when, and who else may get it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.processes import PROCESSES
from domain.claim import Claim, Claimed
from domain.errors import NotAllowed, NotFound, Refused
from projections import claims
from tests.support.stories.workspaces import (
    ANNA,
    BOB,
    HALF,
    SNAPSHOT,
    claimed,
    handed_over,
    handover_requested,
    ran_out,
    released,
    renewed,
    taken_over,
)
from tests.support.story import SUBJECT, T0, Story

T1 = T0 + HALF
MINUTE = timedelta(minutes=1)
EVERY = [claimed, renewed, handover_requested, handed_over, released, ran_out, taken_over]


def take(story: Story, user_id: Any, now: Any = T0, may: bool = False) -> Any:
    return story.when(Claim.take, user_id, HALF, now, may_take_over=may)


def test_who_has_it_claims_it_for_longer() -> None:
    take(claimed, ANNA, T0 + MINUTE).then(
        Claim.Renewed, at=T0 + MINUTE, holder_id=ANNA, expires_at=T1 + MINUTE, asking=[]
    )


def test_another_is_told_who_has_it_and_until_when() -> None:
    refusal = take(claimed, BOB).refusal
    assert isinstance(refusal, Claimed) and (refusal.holder_id, refusal.expires_at) == (ANNA, T1)


@pytest.mark.parametrize("story", [released, ran_out])
def test_what_is_free_can_be_had(story: Story) -> None:
    take(story, BOB).then(Claim.TakenAgain, holder_id=BOB, expires_at=T1, from_id=None)


def test_what_is_over_is_free_before_anybody_has_noticed() -> None:
    take(claimed, BOB, T1).then(Claim.TakenAgain, at=T1, holder_id=BOB, expires_at=T1 + HALF, from_id=None)


def test_who_may_takes_it_over() -> None:
    take(claimed, BOB, may=True).then(Claim.TakenAgain, holder_id=BOB, expires_at=T1, from_id=ANNA)


def test_use_prolongs_it_in_its_second_half_only() -> None:
    claimed.when(Claim.renew, ANNA, HALF, T0 + HALF / 2).nothing()
    late = T0 + HALF / 2 + MINUTE
    claimed.when(Claim.renew, ANNA, HALF, late).then(
        Claim.Renewed, at=late, holder_id=ANNA, expires_at=late + HALF, asking=[]
    )
    claimed.when(Claim.renew, BOB, HALF, late).nothing()
    claimed.when(Claim.renew, ANNA, HALF, T1).nothing()


def test_it_is_given_back_by_its_holder_or_who_may() -> None:
    claimed.when(Claim.release, ANNA, T0, may_take_over=False).then(Claim.Released)
    claimed.when(Claim.release, BOB, T0, may_take_over=True).then(Claim.Released)
    claimed.when(Claim.release, BOB, T0, may_take_over=False).refused(NotAllowed)
    for story in (released, ran_out):
        story.when(Claim.release, ANNA, T0, may_take_over=True).refused(NotFound)


def test_it_is_handed_over_to_who_has_asked() -> None:
    outcome = claimed.when(Claim.request_handover, BOB, T0)
    outcome.then(Claim.HandoverRequested, user_id=BOB, holder_id=ANNA, expires_at=T1, asking=[BOB])
    handover_requested.when(Claim.request_handover, BOB, T0).nothing()
    claimed.when(Claim.request_handover, ANNA, T0).nothing()
    released.when(Claim.request_handover, BOB, T0).refused(NotFound)
    handover_requested.when(Claim.hand_over, ANNA, BOB, HALF, T0).then(Claim.HandedOver, holder_id=BOB, expires_at=T1)
    handover_requested.when(Claim.hand_over, BOB, BOB, HALF, T0).refused(NotAllowed)
    claimed.when(Claim.hand_over, ANNA, BOB, HALF, T0).refused(NotFound, "not requested")


def test_it_runs_out_when_it_is_due() -> None:
    claimed.when(Claim.expire, T0).nothing()
    claimed.when(Claim.expire, T1).then(Claim.Expired, at=T1)
    released.when(Claim.expire, T1).nothing()
    assert claimed.work(PROCESSES) == handover_requested.work(PROCESSES) == {"claim.expire": T1}
    assert renewed.work(PROCESSES) == {"claim.expire": T0 + 2 * HALF}
    assert released.work(PROCESSES) == ran_out.work(PROCESSES) == {}


@pytest.mark.parametrize("story", EVERY)
def test_the_newest_event_alone_tells_who_has_it(story: Story) -> None:
    for now in (T0, T0 + MINUTE, T1, T1 + HALF):
        holder_and_end = Claim.holder_after(story.events[-1], now)
        assert (holder_and_end[0] if holder_and_end else None) == story.state.holder(now)


@pytest.mark.parametrize("story", EVERY)
def test_its_row_is_its_state(story: Story) -> None:
    row: Any = reduce(claims.evolve, story.events, None)
    assert (row.holder_id, row.asking) == (story.state.holder_id, [str(user) for user in story.state.asking])
    assert row.holder_id is None or row.expires_at == story.state.expires_at


STEPS = st.lists(st.sampled_from(["take", "take over", "renew", "release", "request", "hand over", "expire", "wait"]))
PEOPLE = st.sampled_from([ANNA, BOB, SNAPSHOT])


@pytest.mark.fault("F37")
@given(st.lists(st.tuples(STEPS, PEOPLE), max_size=5), st.data())
def test_the_first_and_the_newest_event_are_enough(steps: list[tuple[list[str], UUID]], data: st.DataObject) -> None:
    claim, now = Claim.begin(SUBJECT, ANNA, HALF, T0), T0
    for names, user_id in steps:
        for name in names:
            now += MINUTE * data.draw(st.integers(0, 20))
            with suppress(Refused):
                act(claim, name, user_id, now)
    events = claim.collect_events()
    replayed: Any = reduce(lambda state, event: event.mutate(state), events, None)
    assert vars(Claim.resume(events[0], events[-1])) == vars(replayed)


def act(claim: Claim, name: str, user_id: UUID, now: datetime) -> None:
    match name:
        case "take" | "take over":
            claim.take(user_id, HALF, now, may_take_over=name == "take over")
        case "renew":
            claim.renew(user_id, HALF, now)
        case "release":
            claim.release(user_id, now, may_take_over=False)
        case "request":
            claim.request_handover(user_id, now)
        case "hand over" if claim.holder_id:
            claim.hand_over(claim.holder_id, user_id, HALF, now)
        case "expire":
            claim.expire(now)


@pytest.mark.fault("F37")
def test_a_newest_event_of_0_1_is_not_enough() -> None:
    events = claimed.given(Claim.Renewed, holder_id=ANNA, expires_at=T1, asking=None).events
    assert Claim.resume(events[0], events[-1]) is None
