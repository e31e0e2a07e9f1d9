"""What the list of virtual machines shows after what has happened."""

from __future__ import annotations

import pytest

from projections import vm_configs
from projections.vm_configs import VmConfigRow
from tests.support.stories import vms as stories
from tests.support.stories.vms import MORE_CORES, PLAIN
from tests.support.story import SUBJECT, T0, Story


def test_a_new_one_lies_still() -> None:
    assert stories.created.row(vm_configs.evolve) == VmConfigRow(SUBJECT, "lab", PLAIN, 1, "stopped", False, T0)


def test_a_patch_is_its_next_revision() -> None:
    row = stories.patched.row(vm_configs.evolve)
    assert (row.document, row.revision) == (MORE_CORES, 2)


def test_one_that_does_not_run_though_nobody_stopped_it_says_why() -> None:
    assert stories.not_started.row(vm_configs.evolve).error == "no such image"
    assert stories.dead.row(vm_configs.evolve).error == "it was killed"
    assert stories.auto_back.row(vm_configs.evolve).error is None


def test_that_there_is_a_password_is_all_that_is_known_of_it() -> None:
    assert stories.locked.row(vm_configs.evolve).locked
    assert not stories.unlocked.row(vm_configs.evolve).locked


@pytest.mark.parametrize("story", [stories.removed, stories.cleared])
def test_what_was_deleted_is_not_listed(story: Story) -> None:
    assert story.row(vm_configs.evolve) is None


@pytest.mark.parametrize(
    "story",
    [
        stories.created,
        stories.start_asked,
        stories.running,
        stories.stop_asked,
        stories.stopped,
        stories.restart_asked,
        stories.restarted,
    ]
    + [
        stories.not_started,
        stories.dead,
        stories.patched,
        stories.applied,
        stories.locked,
        stories.undefined,
        stories.auto,
        stories.auto_dead,
    ],
)
def test_the_row_and_the_aggregate_tell_the_same(story: Story) -> None:
    row, state = story.row(vm_configs.evolve), story.state
    for field in ("id", "document", "revision", "state", "error", "created_at"):
        assert getattr(row, field) == getattr(state, field), field
    assert row.locked == (state.password_id is not None) and row.vm == state.document["id"]
