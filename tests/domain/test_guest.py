"""What a guest and the owner of a session may ask, and what it becomes."""

from __future__ import annotations

import pytest

from domain import vm_user
from domain.errors import Conflict, Invalid, NotFound
from domain.guest import AlreadyIn, Decided, Guest, NotWaiting
from tests.support.stories import hosted_sessions as stories
from tests.support.stories.hosted_sessions import AGAIN, JOINER, T5, approved, installed, revoked, waiting, withdrawn
from tests.support.stories.workspaces import INVITE
from tests.support.story import T0, Story


def test_the_owner_approves_what_waits() -> None:
    outcome = waiting.when(Guest.approve, JOINER, INVITE, T0)
    outcome.then(Guest.Approved, joiner_id=JOINER, admission_id=INVITE, hosted_in="local")


def test_the_owner_rejects_what_waits() -> None:
    waiting.when(Guest.reject, JOINER, T0).then(Guest.Rejected, joiner_id=JOINER)


@pytest.mark.parametrize("story", [approved, installed, revoked, stories.removed, stories.rejected])
def test_the_first_decision_stands(story: Story) -> None:
    story.when(Guest.approve, JOINER, INVITE, T0).refused(Decided, "already")
    story.when(Guest.reject, JOINER, T0).refused(Decided, "already")


@pytest.mark.parametrize("story", [withdrawn, stories.timed_out, stories.over])
def test_nobody_decides_on_who_has_gone(story: Story) -> None:
    story.when(Guest.approve, JOINER, INVITE, T0).refused(NotWaiting)
    story.when(Guest.reject, JOINER, T0).refused(NotWaiting)


def test_a_decision_is_about_one_time_that_they_asked() -> None:
    stories.waiting_again.when(Guest.approve, JOINER, INVITE, T0).refused(NotWaiting)
    stories.waiting_again.when(Guest.approve, AGAIN, INVITE, T0).then(
        Guest.Approved, joiner_id=AGAIN, admission_id=INVITE, hosted_in="local"
    )


def test_a_request_that_is_over_cannot_be_approved_though_nobody_has_noticed_yet() -> None:
    waiting.when(Guest.approve, JOINER, INVITE, T5).refused(NotWaiting)


def test_hanging_up_withdraws_what_waits_and_nothing_else() -> None:
    waiting.when(Guest.withdraw, JOINER, T0).then(Guest.Withdrawn, joiner_id=JOINER)
    waiting.when(Guest.withdraw, AGAIN, T0).nothing()
    approved.when(Guest.withdraw, JOINER, T0).nothing()
    stories.waiting_again.when(Guest.withdraw, JOINER, T0).nothing()


def test_a_request_has_a_time_limit() -> None:
    waiting.when(Guest.time_out, T0).nothing()
    waiting.when(Guest.time_out, T5).then(Guest.TimedOut, joiner_id=JOINER, at=T5)
    approved.when(Guest.time_out, T5).nothing()


def test_what_is_asked_again_takes_the_place_of_what_was_asked() -> None:
    waiting.when(Guest.ask_again, AGAIN, T5, T0).then(Guest.AskedAgain, joiner_id=AGAIN, until=T5)
    stories.removed.when(Guest.ask_again, AGAIN, T5, T0).then(Guest.AskedAgain, joiner_id=AGAIN, until=T5)


def test_who_is_in_does_not_ask_again() -> None:
    approved.when(Guest.ask_again, AGAIN, T5, T0).refused(AlreadyIn)
    installed.when(Guest.ask_again, AGAIN, T5, T0).refused(AlreadyIn)
    revoked.when(Guest.ask_again, AGAIN, T5, T0).refused(Conflict, "being removed")


def test_who_was_approved_is_installed_once() -> None:
    approved.when(Guest.installed, JOINER, T0).then(Guest.Installed, joiner_id=JOINER)
    installed.when(Guest.installed, JOINER, T0).nothing()
    revoked.when(Guest.installed, JOINER, T0).nothing()


def test_who_cannot_be_installed_waits_on() -> None:
    why = {"joiner_id": JOINER, "reason": "the name is taken"}
    approved.when(Guest.not_installed, JOINER, "the name is taken", T0).then(Guest.NotInstalled, **why, until=T5)
    revoked.when(Guest.not_installed, JOINER, "the name is taken", T0).nothing()
    stories.not_installed.when(Guest.approve, JOINER, AGAIN, T0).then(
        Guest.Approved, joiner_id=JOINER, admission_id=AGAIN, hosted_in="local"
    )


@pytest.mark.parametrize("story", [approved, installed])
def test_an_approval_can_be_taken_back(story: Story) -> None:
    story.when(Guest.revoke, JOINER, T0).then(Guest.Revoked, joiner_id=JOINER, hosted_in="local")


def test_taking_back_twice_is_once() -> None:
    revoked.when(Guest.revoke, JOINER, T0).nothing()
    stories.removed.when(Guest.revoke, JOINER, T0).nothing()
    revoked.when(Guest.removed, JOINER, T0).then(Guest.Removed, joiner_id=JOINER)
    stories.removed.when(Guest.removed, JOINER, T0).nothing()


def test_only_an_approval_is_taken_back() -> None:
    waiting.when(Guest.revoke, JOINER, T0).refused(Conflict, "reject")
    withdrawn.when(Guest.revoke, JOINER, T0).refused(NotFound)
    installed.when(Guest.revoke, AGAIN, T0).refused(NotFound)


@pytest.mark.parametrize("story", [waiting, approved, installed, revoked])
def test_the_end_of_the_session_is_the_end_of_it(story: Story) -> None:
    story.when(Guest.close, T0).then(Guest.Closed, joiner_id=JOINER)


@pytest.mark.parametrize("story", [withdrawn, stories.rejected, stories.removed, stories.over])
def test_what_is_over_is_not_closed(story: Story) -> None:
    story.when(Guest.close, T0).nothing()


def test_no_event_says_what_they_asked_with() -> None:
    fields = {name for _, facts in (*installed.happened, *stories.over.happened) for name in facts}
    ids = {"at", "session_id", "owner_id", "user_id", "joiner_id", "until"}
    assert fields == ids | {"admission_id", "hosted_in"}


@pytest.mark.parametrize("name", ["bob", "b", "bob-2", "b_o_b", "a" * 32])
def test_a_user_can_be_called_so(name: str) -> None:
    assert vm_user.validate_vm_user(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "Bob", "2bob", "-bob", "bob.", "bo b", "bob\n", "böb", "a" * 33, "root", "sshd", "tenure", "_apt", "$(id)"],
)
def test_a_user_cannot_be_called_so(name: str) -> None:
    with pytest.raises(Invalid, match="user must"):
        vm_user.validate_vm_user(name)
