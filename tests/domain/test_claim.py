"""Exclusive control over a session: who has it, until when, and who else may get it."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Any

import pytest

from application.processes import PROCESSES
from domain.claim import Claim, Claimed
from domain.errors import NotAllowed, NotFound
from projections import claims
from tests.support.stories.workspaces import (
    ANNA,
    BOB,
    HALF,
    claimed,
    handed_over,
    handover_requested,
    ran_out,
    released,
    renewed,
    taken_over,
)
from tests.support.story import T0, Story

T1 = T0 + HALF
MINUTE = timedelta(minutes=1)
EVERY = [claimed, renewed, handover_requested, handed_over, released, ran_out, taken_over]


def take(story: Story, user_id: Any, now: Any = T0, may: bool = False) -> Any:
    return story.when(Claim.take, user_id, HALF, now, may_take_over=may)


def test_who_has_it_claims_it_for_longer() -> None:
    take(claimed, ANNA, T0 + MINUTE).then(Claim.Renewed, at=T0 + MINUTE, holder_id=ANNA, expires_at=T1 + MINUTE)


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
    claimed.when(Claim.renew, ANNA, HALF, late).then(Claim.Renewed, at=late, holder_id=ANNA, expires_at=late + HALF)
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
    outcome.then(Claim.HandoverRequested, user_id=BOB, holder_id=ANNA, expires_at=T1)
    handover_requested.when(Claim.request_handover, BOB, T0).nothing()
    claimed.when(Claim.request_handover, ANNA, T0).nothing()
    released.when(Claim.request_handover, BOB, T0).refused(NotFound)
    handover_requested.when(Claim.hand_over, ANNA, BOB, HALF, T0).then(Claim.HandedOver, holder_id=BOB, expires_at=T1)
    handover_requested.when(Claim.hand_over, BOB, BOB, HALF, T0).refused(NotAllowed)
    claimed.when(Claim.hand_over, ANNA, BOB, HALF, T0).refused(NotFound, "not asked")


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
