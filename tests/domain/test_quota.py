"""Quotas of roles and of users, and what counts before what."""

from uuid import UUID, uuid5

import pytest

from domain.errors import Invalid
from domain.quota import QuotaExceeded, Quotas
from domain.quota_defaults import DEFAULTS, NO_ROLE, Kind
from domain.role import Role
from tests.support.story import SUBJECT, T0, Story

ADA: UUID = uuid5(SUBJECT, "ada")
no_quotas = Story(Quotas).given(Quotas.Opened)
five_for_viewers = no_quotas.given(Quotas.Set, quota="workspaces", limit=5, user_id=None, role="viewer")
seven_for_ada = five_for_viewers.given(Quotas.Set, quota="workspaces", limit=7, user_id=ADA, role=None)
default_for_ada = seven_for_ada.given(Quotas.Set, quota="workspaces", limit=None, user_id=ADA, role=None)


def test_a_quota_is_set_for_a_role_and_for_a_user() -> None:
    no_quotas.when(Quotas.set_for_role, "viewer", "keys", 5, T0).then(
        Quotas.Set, quota="keys", limit=5, user_id=None, role="viewer"
    )
    no_quotas.when(Quotas.set_for_user, ADA, "keys", 0, T0).then(
        Quotas.Set, quota="keys", limit=0, user_id=ADA, role=None
    )


def test_a_quota_that_is_as_it_was_is_not_set_again() -> None:
    five_for_viewers.when(Quotas.set_for_role, "viewer", "workspaces", 5, T0).nothing()
    seven_for_ada.when(Quotas.set_for_user, ADA, "workspaces", 7, T0).nothing()
    no_quotas.when(Quotas.set_for_user, ADA, "workspaces", None, T0).nothing()


@pytest.mark.fault("F24")
def test_a_users_own_quota_counts_before_that_of_their_role_and_that_before_the_default() -> None:
    kind, default = Kind.WORKSPACES, DEFAULTS[Role.VIEWER][Kind.WORKSPACES]
    limits = [
        story.state.of_user(ADA, "viewer")[kind]
        for story in (no_quotas, five_for_viewers, seven_for_ada, default_for_ada)
    ]
    assert limits == [default, 5, 7, 5]
    assert seven_for_ada.state.of_user(uuid5(SUBJECT, "bob"), "viewer")[kind] == 5
    assert seven_for_ada.state.of_user(uuid5(SUBJECT, "bob"), NO_ROLE)[kind] == default


@pytest.mark.parametrize("limit", [-1, 1_000_001])
def test_what_is_no_limit(limit: int) -> None:
    no_quotas.when(Quotas.set_for_user, ADA, "keys", limit, T0).refused(Invalid, "keys must be a whole number")


def test_what_is_no_quota_and_no_role() -> None:
    no_quotas.when(Quotas.set_for_user, ADA, "ponies", 1, T0).refused(Invalid, "there is no quota 'ponies'")
    no_quotas.when(Quotas.set_for_role, "king", "keys", 1, T0).refused(Invalid, "there is no role 'king'")


def test_every_role_has_a_quota_of_every_kind() -> None:
    assert DEFAULTS.keys() == {NO_ROLE, *Role}
    assert all(limits.keys() == set(Kind) for limits in DEFAULTS.values())


@pytest.mark.fault("F24")
def test_a_refusal_says_which_quota_and_how_to_go_on() -> None:
    message = str(QuotaExceeded(Kind.SEATS, used=95, amount=10, limit=100))
    assert message == (
        "your quota of seats is 100, you have 95, and this needs 10 more: "
        "give some back, or ask an administrator for a larger quota"
    )
