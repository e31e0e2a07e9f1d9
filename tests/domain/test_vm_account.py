"""Accounts for virtual machines: what can become of one, and that an administrator always stays."""

from __future__ import annotations

import pytest

from domain.errors import Conflict, Invalid, NotFound
from domain.user_type import UserType
from domain.vm_account import VmAccount, VmAdministrators
from tests.support.stories.vm_accounts import (
    alone,
    alone_again,
    banned,
    closed,
    forgotten,
    none_yet,
    of_administrator,
    opened,
    promoted,
    two,
    unbanned,
)
from tests.support.stories.workspaces import ANNA, BOB, INVITE
from tests.support.story import T0, Story


def test_a_type_is_one_that_there_is() -> None:
    opened.when(VmAccount.change_type, "moderator", T0).then(VmAccount.TypeChanged, user_type="moderator")
    opened.when(VmAccount.change_type, "user", T0).nothing()
    opened.when(VmAccount.change_type, "king", T0).refused(Invalid, "user, moderator, administrator")
    with pytest.raises(Invalid):
        VmAccount.open(ANNA, 7, "king", T0)


def test_a_ban_is_given_and_lifted_once() -> None:
    opened.when(VmAccount.ban, T0).then(VmAccount.Banned)
    banned.when(VmAccount.ban, T0).nothing()
    banned.when(VmAccount.unban, T0).then(VmAccount.Unbanned)
    for story in (opened, unbanned):
        story.when(VmAccount.unban, T0).nothing()


@pytest.mark.parametrize("story", [opened, banned, promoted])
def test_everybody_can_go(story: Story) -> None:
    story.when(VmAccount.close, T0).then(VmAccount.Closed, everything=True)
    story.when(VmAccount.close, T0, everything=False).then(VmAccount.Closed, everything=False)


@pytest.mark.parametrize("story", [closed, forgotten])
def test_who_has_gone_is_not_there(story: Story) -> None:
    for command in (VmAccount.close, VmAccount.ban, VmAccount.unban):
        story.when(command, T0).refused(NotFound)
    story.when(VmAccount.change_type, "moderator", T0).refused(NotFound)
    story.when(VmAccount.password_changed, None, T0).refused(NotFound)
    story.when(VmAccount.log_out, INVITE, T0).nothing()


def test_what_named_them_goes_once_and_only_after_they_went() -> None:
    closed.when(VmAccount.forget, T0).then(VmAccount.Forgotten)
    for story in (opened, forgotten):
        story.when(VmAccount.forget, T0).nothing()


@pytest.mark.parametrize("story", [of_administrator, promoted])
def test_an_administrator_is_one_while_they_are_neither_banned_nor_gone(story: Story) -> None:
    assert story.state.administers and story.state.user_type == UserType.ADMINISTRATOR
    assert not story.given(VmAccount.Banned).state.administers
    assert not story.given(VmAccount.Closed, everything=True).state.administers
    assert story.given(VmAccount.Banned).given(VmAccount.Unbanned).state.administers


@pytest.mark.parametrize("story", [opened, banned, unbanned, closed])
def test_others_are_none(story: Story) -> None:
    assert not story.state.administers


@pytest.mark.parametrize("story", [alone, alone_again])
def test_the_last_administrator_stays(story: Story) -> None:
    story.when(VmAdministrators.dismiss, ANNA, T0).refused(Conflict, "last administrator")
    story.when(VmAdministrators.appoint, ANNA, T0).nothing()
    story.when(VmAdministrators.dismiss, BOB, T0).nothing()


def test_one_of_two_may_go() -> None:
    two.when(VmAdministrators.dismiss, ANNA, T0).then(VmAdministrators.Dismissed, user_id=ANNA)
    none_yet.when(VmAdministrators.appoint, BOB, T0).then(VmAdministrators.Appointed, user_id=BOB)
