"""Users and invites as lists show them, and whose history is whose."""

from datetime import timedelta

import pytest

from projections import invites, ownership, users
from projections.invites import InviteRow
from projections.ownership import OwnershipRow
from projections.users import UserRow
from tests.support.stories.workspaces import (
    ANNA,
    INVITE,
    T7,
    accepted,
    for_one,
    forgotten,
    invited,
    over,
    owner,
    promoted,
    removed,
    revoked,
    used_up,
    viewer,
)
from tests.support.story import SUBJECT, T0, Story


def test_a_user_has_the_role_that_they_were_given_last() -> None:
    assert owner.row(users.evolve) == UserRow(SUBJECT, "owner", T0)
    assert viewer.row(users.evolve) == UserRow(SUBJECT, "viewer", T0, INVITE)
    assert promoted.row(users.evolve) == UserRow(SUBJECT, "operator", T0, INVITE)


@pytest.mark.parametrize("story", [removed, forgotten])
def test_who_was_removed_is_not_listed(story: Story) -> None:
    assert story.row(users.evolve) is None


def test_an_invite_shows_what_has_become_of_it() -> None:
    created = InviteRow(SUBJECT, ANNA, "operator", T0, T7)
    assert invited.row(invites.evolve) == created
    assert accepted.row(invites.evolve).used_count == 1
    assert revoked.row(invites.evolve).revoked
    assert over.row(invites.evolve).expired


@pytest.mark.parametrize("story", [invited, accepted, for_one])
def test_one_that_can_be_accepted_is_active(story: Story) -> None:
    row = story.row(invites.evolve)
    assert row.is_active(T0)
    assert row.is_active(T7 - timedelta(microseconds=1)) and not row.is_active(T7)


@pytest.mark.parametrize("story", [used_up, revoked, over])
def test_one_that_cannot_is_not(story: Story) -> None:
    assert not story.row(invites.evolve).is_active(T0)


@pytest.mark.parametrize("story", [invited, accepted, used_up, revoked, over])
def test_the_row_and_the_aggregate_tell_the_same(story: Story) -> None:
    row, state = story.row(invites.evolve), story.state
    for field in ("id", "created_by", "role", "created_at", "expires_at", "max_uses", "revoked", "expired"):
        assert getattr(row, field) == getattr(state, field), field
    assert row.used_count == len(state.accepted_by)


def test_the_history_of_somebody_is_their_own() -> None:
    assert removed.row(ownership.evolve) == OwnershipRow(SUBJECT, SUBJECT)
