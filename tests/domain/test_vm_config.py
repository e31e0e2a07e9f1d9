"""A virtual machine: made, patched, started, stopped, dead and back again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Conflict, Invalid, NotFound
from domain.unique_name import VmId
from domain.vm.vm_config import VmConfig, same_machine
from domain.vm_state import Order, State, backoff_after
from tests.support.stories import vms
from tests.support.stories.vms import AUTO, MORE_CORES, PLAIN, SECOND
from tests.support.stories.workspaces import ANNA, SNAPSHOT
from tests.support.story import SUBJECT, T0, Story


def order_of(story: Story) -> int:
    """The number of the order that is under way."""
    order: int = story.state.order
    return order


def test_it_is_made_from_a_whole_configuration() -> None:
    vms.not_yet.when(VmConfig.create, SUBJECT, PLAIN, T0).then(VmConfig.Created, document=PLAIN)
    vms.not_yet.when(VmConfig.create, SUBJECT, PLAIN | {"name": ""}, T0).refused(Invalid, "name")
    assert (vms.created.state.state, vms.created.state.revision) == (State.STOPPED, 1)


def test_with_autostart_it_starts_when_it_is_made() -> None:
    started: tuple[type, dict[str, Any]] = (VmConfig.StartRequested, {})
    vms.not_yet.when(VmConfig.create, SUBJECT, AUTO, T0).then_all((VmConfig.Created, {"document": AUTO}), started)
    assert vms.auto.state.state == State.STARTING


def test_a_patch_is_a_whole_new_configuration_that_is_good() -> None:
    vms.created.when(VmConfig.patch, MORE_CORES, T0).then(VmConfig.Patched, document=MORE_CORES, live=False)
    vms.running.when(VmConfig.patch, MORE_CORES, T0).then(VmConfig.Patched, document=MORE_CORES, live=True)
    vms.created.when(VmConfig.patch, PLAIN, T0).nothing()
    vms.created.when(VmConfig.patch, PLAIN | {"qemu_enable_agent": True}, T0).refused(Invalid, "qemu_enable_agent")
    vms.created.when(VmConfig.patch, PLAIN | {"id": "other"}, T0).refused(Invalid, "id cannot be changed")
    vms.created.when(VmConfig.patch, PLAIN | {"hypervisor": "xen"}, T0).refused(Invalid, "hypervisor cannot")
    config = vms.patched_at_rest.state
    assert (config.revision, config.at_revision(1), config.at_revision(2)) == (2, PLAIN, MORE_CORES)
    for revision in (0, 3):
        with pytest.raises(NotFound, match="the newest is 2"):
            config.at_revision(revision)


def test_what_it_was_told_is_told_once() -> None:
    applied = {"revision": 2, "needs_restart": True}
    vms.patched.when(VmConfig.applied, 2, True, T0).then(VmConfig.Applied, **applied)
    vms.patched.when(VmConfig.applied, 1, True, T0).nothing()
    vms.applied.when(VmConfig.applied, 2, False, T0).nothing()
    vms.patched_at_rest.when(VmConfig.applied, 2, False, T0).nothing()
    assert vms.applied.state.needs_restart
    again = vms.applied.given(VmConfig.RestartRequested).given(VmConfig.Started, revision=2, behind=False)
    assert not again.state.needs_restart and again.state.booted_revision == 2


def test_one_that_was_patched_while_it_started_is_behind() -> None:
    patched = vms.start_asked.given(VmConfig.Patched, document=MORE_CORES, live=True)
    patched.when(VmConfig.started, order_of(patched), T0).then(VmConfig.Started, revision=1, behind=True)
    assert patched.state.boot_revision == 1  # however often the start is tried
    again = patched.given(VmConfig.StartFailed, reason="", again_at=None).given(VmConfig.StartRequested)
    again.when(VmConfig.started, order_of(again), T0).then(VmConfig.Started, revision=2, behind=False)


def test_it_is_started_stopped_and_restarted() -> None:
    vms.created.when(VmConfig.start, T0).then(VmConfig.StartRequested)
    vms.start_asked.when(VmConfig.started, order_of(vms.start_asked), T0).then(
        VmConfig.Started, revision=1, behind=False
    )
    vms.running.when(VmConfig.stop, T0).then(VmConfig.StopRequested)
    vms.stop_asked.when(VmConfig.stopped, order_of(vms.stop_asked), T0).then(VmConfig.Stopped)
    vms.running.when(VmConfig.restart, T0).then(VmConfig.RestartRequested)
    vms.stop_asked.when(VmConfig.start, T0).then(VmConfig.RestartRequested)  # whoever asks last; it may still run
    vms.start_asked.when(VmConfig.stop, T0).then(VmConfig.StopRequested)
    states = [
        story.state.state for story in (vms.start_asked, vms.running, vms.stop_asked, vms.stopped, vms.restart_asked)
    ]
    assert states == ["starting", "running", "running", "stopped", "starting"]


def test_what_is_so_already_is_refused() -> None:
    for story in (vms.start_asked, vms.running, vms.restart_asked):
        story.when(VmConfig.start, T0).refused(Conflict, "already")
    for story in (vms.created, vms.stop_asked, vms.stopped, vms.dead):
        story.when(VmConfig.stop, T0).refused(Conflict, "stopped already")
        story.when(VmConfig.restart, T0).refused(Conflict, "does not run")


def test_what_comes_of_an_order_that_was_overtaken_is_not_said() -> None:
    overtaken = vms.start_asked.given(VmConfig.StopRequested)
    overtaken.when(VmConfig.started, order_of(vms.start_asked), T0).nothing()
    overtaken.when(VmConfig.start_failed, order_of(vms.start_asked), "no image", T0).nothing()
    vms.removed.when(VmConfig.stopped, order_of(vms.running), T0).nothing()
    assert not overtaken.state.started(order_of(vms.start_asked), T0)


def test_a_start_that_fails_says_why() -> None:
    failed = {"reason": "no such image"}
    vms.start_asked.when(VmConfig.start_failed, order_of(vms.start_asked), "no such image", T0).then(
        VmConfig.StartFailed, **failed, again_at=None
    )
    assert (vms.not_started.state.state, vms.not_started.state.error) == (State.STOPPED, "no such image")
    vms.not_started.when(VmConfig.start, T0).then(VmConfig.StartRequested)
    vms.auto.when(VmConfig.start_failed, order_of(vms.auto), "no such image", T0).then(
        VmConfig.StartFailed, **failed, again_at=T0 + SECOND
    )


def test_one_that_dies_is_a_fact() -> None:
    vms.running.when(VmConfig.observe, False, "it was killed", T0).then(
        VmConfig.Died, reason="it was killed", again_at=None
    )
    vms.dead.when(VmConfig.observe, False, "it was killed", T0).nothing()
    assert (vms.dead.state.state, vms.dead.state.error) == (State.STOPPED, "it was killed")


def test_while_an_order_is_under_way_that_tells_what_comes_of_it() -> None:
    for story in (vms.start_asked, vms.stop_asked, vms.restart_asked, vms.removed):
        for running in (True, False):
            story.when(VmConfig.observe, running, "", T0).nothing()


def test_one_that_was_started_by_somebody_else_runs() -> None:
    for story in (vms.created, vms.stopped, vms.dead):
        story.when(VmConfig.observe, True, "", T0).then(VmConfig.Started, revision=1, behind=False)
    patched = vms.stopped.given(VmConfig.Patched, document=MORE_CORES, live=False)
    patched.when(VmConfig.observe, True, "", T0).then(VmConfig.Started, revision=1, behind=True)


def test_one_with_autostart_comes_back_later_each_time() -> None:
    vms.auto_up.when(VmConfig.observe, False, "x", T0).then(VmConfig.Died, reason="x", again_at=T0 + SECOND)
    vms.auto_dead.when(VmConfig.autostart, T0).then(VmConfig.StartRequested)
    vms.auto_back.when(VmConfig.autostart, T0).nothing()
    vms.dead.when(VmConfig.autostart, T0).nothing()
    again = vms.auto_back.given(VmConfig.Started, revision=1, behind=False, at=T0 + SECOND)
    again.when(VmConfig.observe, False, "x", T0 + SECOND).then(
        VmConfig.Died, reason="x", at=T0 + SECOND, again_at=T0 + 3 * SECOND
    )
    later = T0 + timedelta(hours=1)
    again.when(VmConfig.observe, False, "x", later).then(VmConfig.Died, reason="x", at=later, again_at=later + SECOND)
    assert [backoff_after(n).total_seconds() for n in (0, 1, 2, 8, 9, 1000)] == [1, 2, 4, 256, 300, 300]


def test_one_that_waits_to_come_back_can_be_told_not_to() -> None:
    vms.auto_dead.when(VmConfig.stop, T0).then(VmConfig.StopRequested)
    assert vms.auto_dead.given(VmConfig.StopRequested).state.again_at is None


def test_a_deleted_one_is_there_for_nobody() -> None:
    vms.running.when(VmConfig.delete, T0).then(VmConfig.Deleted)
    for ask in (VmConfig.delete, VmConfig.start, VmConfig.stop, VmConfig.restart):
        vms.removed.when(ask, T0).refused(NotFound)
    vms.removed.when(VmConfig.patch, PLAIN, T0).refused(NotFound)
    vms.removed.when(VmConfig.set_password, ANNA, T0).refused(NotFound)
    for tell in (VmConfig.autostart, VmConfig.undefined):
        vms.cleared.when(tell, T0).nothing()
    vms.removed.when(VmConfig.cleared, T0).then(VmConfig.Cleared)
    vms.cleared.when(VmConfig.cleared, T0).nothing()
    vms.cleared.when(VmConfig.observe, True, "", T0).nothing()
    assert vms.removed.state.under_way == Order.CLEAR


def test_of_its_password_an_event_says_only_that_there_is_one() -> None:
    vms.created.when(VmConfig.set_password, vms.PASSWORD, T0).then(VmConfig.PasswordSet, password_id=vms.PASSWORD)
    vms.locked.when(VmConfig.set_password, None, T0).then(VmConfig.PasswordRemoved)
    vms.unlocked.when(VmConfig.set_password, None, T0).nothing()


def test_one_that_is_forgotten_behind_our_back_goes_on() -> None:
    vms.running.when(VmConfig.undefined, T0).then(VmConfig.Undefined)
    assert vms.undefined.state.state == State.RUNNING


def test_what_the_machine_knows_nothing_of() -> None:
    assert same_machine(PLAIN, PLAIN | {"name": "x", "private": True, "autostart": True})
    assert not same_machine(PLAIN, MORE_CORES)
    assert not same_machine(PLAIN, PLAIN | {"qemu_uuid": "6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a02"})


def test_an_id_is_one_machine_s() -> None:
    vms.taken_id.when(VmId.take, ANNA, T0).refused(Conflict, "already")
    vms.taken_id.when(VmId.take, SUBJECT, T0).nothing()
    vms.taken_id.when(VmId.free, ANNA, T0).nothing()
    vms.taken_id.when(VmId.free, SUBJECT, T0).then(VmId.Freed)
    vms.freed_id.when(VmId.take, SNAPSHOT, T0).then(VmId.TakenAgain, vm_id=SNAPSHOT)
    assert vms.retaken_id.state.subject_id == SNAPSHOT
