"""What is to be done after something happened to a virtual machine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from application.processes import PROCESSES
from application.processes.work import lane
from domain.vm.vm_config import VmConfig
from tests.support.stories import vms as stories
from tests.support.stories.vms import MORE_CORES, SECOND
from tests.support.story import T0, Story


@pytest.mark.parametrize(
    "story",
    [
        stories.created,
        stories.running,
        stories.stopped,
        stories.restarted,
        stories.not_started,
        stories.dead,
        stories.patched_at_rest,
    ],
)
def test_what_is_as_it_should_be_needs_nothing(story: Story) -> None:
    assert story.work(PROCESSES) == {}


@pytest.mark.parametrize(
    "story",
    [stories.start_asked, stories.stop_asked, stories.restart_asked, stories.removed, stories.auto, stories.auto_back],
)
def test_an_order_is_carried_out(story: Story) -> None:
    assert story.work(PROCESSES).keys() == {"vm_config.settle"}


def test_that_takes_its_time() -> None:
    assert lane("vm_config.settle") == lane("vm_config.apply") == "engine"
    assert lane("vm_config.revive") == "log"


def test_one_that_died_is_revived_when_it_is_to_come_back() -> None:
    assert stories.auto_dead.work(PROCESSES) == {"vm_config.revive": T0 + SECOND}
    failed = stories.auto.given(VmConfig.StartFailed, reason="no", again_at=T0 + 2 * SECOND)
    assert failed.work(PROCESSES) == {"vm_config.revive": T0 + 2 * SECOND}
    for ends in (VmConfig.StopRequested, VmConfig.Deleted):
        assert stories.auto_dead.given(ends).work(PROCESSES) == {"vm_config.settle": T0}


def test_what_was_patched_is_told_should_nobody_have_done_so() -> None:
    assert stories.patched.work(PROCESSES) == {"vm_config.apply": T0 + timedelta(seconds=5)}
    assert stories.applied.work(PROCESSES) == {}
    for ends in (VmConfig.Died, VmConfig.StartFailed):
        assert stories.patched.given(ends, reason="", again_at=None).work(PROCESSES) == {}


def test_what_was_patched_while_it_started_is_told_when_it_runs() -> None:
    patched = stories.start_asked.given(VmConfig.Patched, document=MORE_CORES, live=True)
    behind = patched.given(VmConfig.Started, revision=1, behind=True)
    assert behind.work(PROCESSES) == {"vm_config.apply": T0}
    not_behind = patched.given(VmConfig.Started, revision=2, behind=False)
    assert not_behind.work(PROCESSES) == {}


def test_when_nothing_is_left_nothing_is_to_be_done() -> None:
    assert stories.cleared.work(PROCESSES) == {}
    assert stories.patched.given(VmConfig.Deleted).given(VmConfig.Cleared).work(PROCESSES) == {}
