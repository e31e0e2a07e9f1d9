"""Invites: who makes which, and for how long they are good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Invalid, NotAllowed
from domain.invite import Invite, Unusable
from domain.role import Role
from tests.support.stories.workspaces import (
    ANNA,
    OPERATION,
    SNAPSHOT,
    T7,
    accepted,
    for_one,
    invited,
    over,
    revoked,
    uninvited,
    used_up,
)
from tests.support.story import SUBJECT, T0, Story

WEEK = timedelta(days=7)


def create(**changes: Any) -> Any:
    fields = {"id": SUBJECT, "created_by": ANNA, "inviter_role": Role.ADMIN, "role": "viewer", "lasts": WEEK}
    return uninvited.when(Invite.create, **fields | {"max_uses": None, "now": T0} | changes)


def test_it_is_made_for_a_role_and_a_time() -> None:
    create(role="operator").then(Invite.Created, created_by=ANNA, role="operator", expires_at=T7, max_uses=None)


def test_admins_are_invited_by_the_owner_and_owners_by_nobody() -> None:
    create(role="admin").refused(NotAllowed, "Only the owner")
    create(role="admin", inviter_role=Role.OWNER).then(
        Invite.Created, created_by=ANNA, role="admin", expires_at=T7, max_uses=None
    )
    create(role="owner", inviter_role=Role.OWNER).refused(Invalid)
    create(role="king").refused(Invalid)


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(seconds=-1), timedelta(days=365, seconds=1)])
def test_it_lasts_from_a_second_to_a_year(lasts: timedelta) -> None:
    create(lasts=lasts).refused(Invalid)


@pytest.mark.parametrize("uses", [0, -1, 10**30])
def test_its_uses_can_be_counted(uses: int) -> None:
    create(max_uses=uses).refused(Invalid)


def test_it_counts_everybody_once() -> None:
    invited.when(Invite.accept, OPERATION, T0).then(Invite.Accepted, user_id=OPERATION)
    accepted.when(Invite.accept, OPERATION, T0).nothing()
    accepted.when(Invite.accept, SNAPSHOT, T0).then(Invite.Accepted, user_id=SNAPSHOT)


@pytest.mark.parametrize(("story", "code"), [(used_up, "exhausted"), (revoked, "revoked"), (over, "expired")])
def test_it_says_why_it_is_none_any_more(story: Story, code: str) -> None:
    refused = story.when(Invite.accept, SNAPSHOT, T0)
    refused.refused(Unusable)
    assert refused.refusal and refused.refusal.code == code


def test_it_is_over_at_its_end_also_before_that_is_written_down() -> None:
    refused = invited.when(Invite.accept, SNAPSHOT, T7)
    assert refused.refusal and refused.refusal.code == "expired"
    invited.when(Invite.expire, T7 - timedelta(microseconds=1)).nothing()
    invited.when(Invite.expire, T7).then(Invite.Expired, at=T7)
    over.when(Invite.expire, T7).nothing()
    revoked.when(Invite.expire, T7).nothing()


def test_it_is_revoked_once() -> None:
    for_one.when(Invite.revoke, T0).then(Invite.Revoked)
    revoked.when(Invite.revoke, T0).nothing()
