"""Accounts for virtual machines as lists show them, and what is to be done after they ended."""

from __future__ import annotations

import pytest

from application.processes import PROCESSES
from projections import ownership, vm_accounts
from projections.ownership import OwnershipRow
from projections.vm_accounts import VmAccountRow
from tests.support.stories.vm_accounts import banned, closed, forgotten, new_password, opened, promoted, unbanned
from tests.support.stories.workspaces import ANNA
from tests.support.story import SUBJECT, T0, Story


def test_a_row_shows_what_has_become_of_somebody() -> None:
    row = VmAccountRow(SUBJECT, ANNA, 7, "user", False, T0)
    for story in (opened, unbanned, new_password):
        assert story.row(vm_accounts.evolve) == row
    assert promoted.row(vm_accounts.evolve).user_type == "administrator"
    assert banned.row(vm_accounts.evolve).banned
    assert opened.row(ownership.evolve) == OwnershipRow(SUBJECT, ANNA), "their history is their own"


@pytest.mark.parametrize("story", [closed, forgotten])
def test_who_has_gone_is_not_listed(story: Story) -> None:
    assert story.row(vm_accounts.evolve) is None


def test_who_has_gone_is_forgotten_once() -> None:
    assert banned.work(PROCESSES) == {}
    assert closed.work(PROCESSES) == {"vm_account.forget": T0}
    assert forgotten.work(PROCESSES) == {}
