"""What is to be done after what has happened."""

from datetime import timedelta

import pytest

from application.processes import PROCESSES
from domain.workspace import Workspace
from tests.support.stories.workspaces import (
    FOR_TWO_HOURS,
    HOUR,
    MACHINE,
    OPERATION,
    deleted,
    destroyed,
    expired,
    failed,
    requested,
    restoring,
    running,
    snapped,
    snapping,
    starting,
    stopping,
    vanished,
    without_term,
)
from tests.support.story import T0, Story

TERM = {"workspace.warn": T0 + HOUR - timedelta(minutes=5), "workspace.expire": T0 + HOUR}


def test_what_is_requested_is_provisioned_or_given_up() -> None:
    assert requested.work(PROCESSES) == TERM | {
        "workspace.provision": T0,
        "workspace.give_up": T0 + timedelta(minutes=10),
    }


def test_what_runs_will_be_warned_of_and_expire() -> None:
    assert running.work(PROCESSES) == TERM


def test_what_has_no_term_never_expires() -> None:
    assert without_term.given(Workspace.Provisioned, machine=MACHINE).work(PROCESSES) == {}


def test_a_failure_is_cleared_up() -> None:
    assert failed.work(PROCESSES) == TERM | {"workspace.clear": T0}
    assert failed.given(Workspace.Cleared).work(PROCESSES) == TERM


@pytest.mark.parametrize("story", [stopping, starting, snapping, restoring])
def test_what_is_asked_is_done(story: Story) -> None:
    assert story.work(PROCESSES) == TERM | {"workspace.operate": T0}


def test_what_was_reported_need_not_be_done_again() -> None:
    assert snapped.work(PROCESSES) == TERM
    assert stopping.given(Workspace.Stopped, operation_id=OPERATION, cause=None).work(PROCESSES) == TERM
    assert (
        starting.given(Workspace.Started, operation_id=OPERATION, machine=MACHINE, cause=None).work(PROCESSES) == TERM
    )
    broken = stopping.given(Workspace.OperationFailed, operation_id=OPERATION, operation="stop", reason="no")
    assert broken.work(PROCESSES) == TERM
    assert stopping.given(Workspace.Vanished, reason="lost").work(PROCESSES) == TERM


def test_an_extension_postpones_the_warning_and_the_end() -> None:
    warned = running.given(Workspace.ExpiryWarned, expires_at=T0 + HOUR)
    assert warned.work(PROCESSES) == {"workspace.expire": T0 + HOUR}
    extended = warned.given(Workspace.Extended, **FOR_TWO_HOURS)
    assert extended.work(PROCESSES) == {
        "workspace.warn": T0 + 2 * HOUR - timedelta(minutes=5),
        "workspace.expire": T0 + 2 * HOUR,
    }


@pytest.mark.parametrize("story", [requested, running, stopping, failed, vanished])
@pytest.mark.parametrize("end", [Workspace.Deleted, Workspace.Expired])
def test_what_ends_is_destroyed_and_nothing_else(story: Story, end: type) -> None:
    assert story.given(end).work(PROCESSES) == {"workspace.destroy": T0}


def test_nothing_is_left_to_do_in_the_end() -> None:
    assert destroyed.work(PROCESSES) == {}
    assert expired.given(Workspace.Destroyed).work(PROCESSES) == {}
    assert deleted.given(Workspace.Destroyed).work(PROCESSES) == {}
