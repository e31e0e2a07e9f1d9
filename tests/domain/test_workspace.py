"""What a workspace may be asked, and what follows."""

from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from domain.errors import Conflict, Invalid, NotFound
from domain.machine import Operation
from domain.workspace import Workspace
from projections.workspaces import evolve
from tests.support.stories.workspaces import (
    ANNA,
    ASKED,
    FOR_AN_HOUR,
    FOR_EVER,
    FOR_TWO_HOURS,
    GIVES_UP_AT,
    HOUR,
    LEAD,
    MACHINE,
    OPERATION,
    OUT_OF_MEMORY,
    SNAPSHOT,
    deleted,
    destroyed,
    expired,
    failed,
    killed,
    nothing_yet,
    requested,
    restoring,
    running,
    snapped,
    snapping,
    starting,
    stopped,
    stopping,
    vanished,
    without_term,
)
from tests.support.story import SUBJECT, T0, YEAR, Story

NEW = {"id": SUBJECT, **ASKED, "ttl_seconds": 3600, "max_term": YEAR, "now": T0}


def test_its_term_counts_from_the_request() -> None:
    nothing_yet.when(Workspace.request, **NEW).then(
        Workspace.Requested, **ASKED, **FOR_AN_HOUR, gives_up_at=GIVES_UP_AT
    )


@pytest.mark.fault("F38")
def test_its_request_says_when_its_holder_is_warned_and_when_it_is_given_up() -> None:
    request = NEW | {"warning_lead": timedelta(minutes=10), "patience": timedelta(minutes=3)}
    moments = {"warns_at": T0 + timedelta(minutes=50), "gives_up_at": T0 + timedelta(minutes=3)}
    nothing_yet.when(Workspace.request, **request).then(Workspace.Requested, **ASKED, **FOR_AN_HOUR | moments)


@pytest.mark.fault("F38")
def test_an_extension_says_when_its_holder_is_warned() -> None:
    running.when(Workspace.extend, 1800, YEAR, T0, timedelta(minutes=10)).then(
        Workspace.Extended, ttl_seconds=5400, expires_at=T0 + HOUR * 1.5, warns_at=T0 + HOUR * 1.5 - HOUR / 6
    )


def test_without_a_term_it_is_lent_until_it_is_given_back() -> None:
    nothing_yet.when(Workspace.request, **NEW | {"ttl_seconds": None}).then(
        Workspace.Requested, **ASKED, **FOR_EVER, gives_up_at=GIVES_UP_AT
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": " "}, "blank"),
        ({"name": "n" * 101}, "at most 100"),
        ({"name": "a\0b"}, "control character"),
        ({"name": "a\nb"}, "control character"),
        ({"ttl_seconds": 0}, "positive"),
        ({"ttl_seconds": -1}, "positive"),
        ({"ttl_seconds": 31_536_001}, "at most 31536000 (365 days)"),
        ({"ttl_seconds": 10**30}, "at most"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(wrong: dict[str, object], says: str) -> None:
    nothing_yet.when(Workspace.request, **NEW | wrong).refused(Invalid, says)


def test_it_runs_when_its_machine_does() -> None:
    requested.when(Workspace.provisioned, MACHINE, T0).then(Workspace.Provisioned, machine=MACHINE)


def test_it_says_once_why_it_has_to_wait() -> None:
    waiting = requested.given(Workspace.Delayed, reason="no engine")
    requested.when(Workspace.delayed, "no engine", T0).then(Workspace.Delayed, reason="no engine")
    waiting.when(Workspace.delayed, "no engine", T0).nothing()
    waiting.when(Workspace.delayed, "full", T0).then(Workspace.Delayed, reason="full")


def test_it_fails_with_a_reason_and_is_cleared_up_once() -> None:
    requested.when(Workspace.give_up, "no image", T0).then(Workspace.ProvisioningFailed, reason="no image")
    assert failed.state.error == "no image"
    failed.when(Workspace.cleared, T0).then(Workspace.Cleared)
    failed.given(Workspace.Cleared).when(Workspace.cleared, T0).nothing()


@pytest.mark.parametrize("story", [running, stopped, failed, expired, deleted, destroyed])
def test_what_the_world_reports_twice_has_happened_once(story: Story) -> None:
    story.when(Workspace.provisioned, MACHINE, T0).nothing()
    story.when(Workspace.give_up, "late", T0).nothing()
    story.when(Workspace.delayed, "late", T0).nothing()


# -- start, stop, restart, snapshot, restore


@pytest.mark.parametrize("operation", [Operation.STOP, Operation.RESTART])
def test_an_operation_is_recorded_before_it_is_done(operation: Operation) -> None:
    running.when(Workspace.request_operation, operation, T0).then(
        Workspace.OperationRequested,
        operation=operation.value,
        operation_id=uuid5(SUBJECT, "3"),
        snapshot_id=None,
        label="",
    )


def test_asking_twice_is_asking_once() -> None:
    stopping.when(Workspace.request_operation, Operation.STOP, T0).nothing()
    stopped.when(Workspace.request_operation, Operation.STOP, T0).nothing()
    running.when(Workspace.request_operation, Operation.START, T0).nothing()


def test_one_thing_at_a_time() -> None:
    stopping.when(Workspace.request_operation, Operation.RESTART, T0).refused(Conflict, "a stop is under way")
    snapping.when(Workspace.request_operation, Operation.SNAPSHOT, T0, snapshot_id=OPERATION).refused(Conflict)


@pytest.mark.parametrize("label", ["a\0b", "a\nb", "\ud800", "a" * 101, "  "])
def test_what_a_snapshot_is_called_can_be_shown(label: str) -> None:
    running.when(Workspace.request_operation, Operation.SNAPSHOT, T0, snapshot_id=SNAPSHOT, label=label).refused(
        Invalid
    )


@pytest.mark.parametrize("story", [requested, failed, vanished])
@pytest.mark.parametrize("operation", [Operation.START, Operation.STOP, Operation.RESTART])
def test_only_a_machine_that_is_there_can_be_operated(story: Story, operation: Operation) -> None:
    story.when(Workspace.request_operation, operation, T0).refused(Conflict, "needs it")


def test_it_stops_and_starts() -> None:
    stopping.when(Workspace.stopped, OPERATION, T0).then(Workspace.Stopped, operation_id=OPERATION, cause=None)
    starting.when(Workspace.started, OPERATION, MACHINE, T0).then(
        Workspace.Started, operation_id=OPERATION, machine=MACHINE, cause=None
    )


def test_a_report_about_another_operation_changes_nothing() -> None:
    stopping.when(Workspace.stopped, SNAPSHOT, T0).nothing()
    stopping.when(Workspace.started, None, MACHINE, T0).nothing()
    running.when(Workspace.operation_failed, OPERATION, "no", T0).nothing()


def test_what_cannot_be_done_is_said_and_leaves_it_as_it_was() -> None:
    stopping.when(Workspace.operation_failed, OPERATION, "no", T0).then(
        Workspace.OperationFailed, operation_id=OPERATION, operation="stop", reason="no"
    )


def test_a_snapshot_can_be_restored_once_it_is_taken() -> None:
    running.when(Workspace.request_operation, Operation.RESTORE, T0, snapshot_id=SNAPSHOT).refused(NotFound)
    snapping.when(Workspace.snapshot_taken, OPERATION, 1000, T0).then(
        Workspace.SnapshotTaken, operation_id=OPERATION, snapshot_id=SNAPSHOT, size_bytes=1000
    )
    snapped.when(Workspace.request_operation, Operation.RESTORE, T0, snapshot_id=SNAPSHOT).then(
        Workspace.OperationRequested,
        operation="restore",
        operation_id=uuid5(SUBJECT, "5"),
        snapshot_id=SNAPSHOT,
        label="",
    )
    restoring.when(Workspace.started, OPERATION, MACHINE, T0).then(
        Workspace.Started, operation_id=OPERATION, machine=MACHINE, cause=None
    )


# -- the term


def test_it_is_extended_from_its_end() -> None:
    running.when(Workspace.extend, 1800, YEAR, T0).then(
        Workspace.Extended, ttl_seconds=5400, expires_at=T0 + HOUR * 1.5, warns_at=T0 + HOUR * 1.5 - LEAD
    )


def test_an_end_that_is_over_is_extended_from_now() -> None:
    late = T0 + 2 * HOUR
    running.when(Workspace.extend, 1800, YEAR, late).then(
        Workspace.Extended, at=late, ttl_seconds=9000, expires_at=late + HOUR / 2, warns_at=late + HOUR / 2 - LEAD
    )


def test_what_cannot_be_extended() -> None:
    without_term.when(Workspace.extend, 60, YEAR, T0).refused(Conflict, "no term")
    failed.when(Workspace.extend, 60, YEAR, T0).refused(Conflict, "failed")
    expired.when(Workspace.extend, 60, YEAR, T0).refused(Conflict, "ended")
    running.when(Workspace.extend, 0, YEAR, T0).refused(Invalid, "positive")
    running.when(Workspace.extend, 31_536_000, YEAR, T0).refused(Invalid, "365 days from now")


def test_its_holder_is_warned_five_minutes_before_the_end_and_once() -> None:
    soon = T0 + HOUR - timedelta(minutes=5)
    running.when(Workspace.warn, soon - timedelta(seconds=1)).nothing()
    running.when(Workspace.warn, soon).then(Workspace.ExpiryWarned, at=soon, expires_at=T0 + HOUR)
    warned = running.given(Workspace.ExpiryWarned, expires_at=T0 + HOUR)
    warned.when(Workspace.warn, soon).nothing()


def test_a_short_term_is_warned_of_in_its_last_fifth() -> None:
    for_ten_seconds = {
        "ttl_seconds": 10,
        "expires_at": T0 + timedelta(seconds=10),
        "warns_at": T0 + timedelta(seconds=8),
    }
    short = nothing_yet.given(Workspace.Requested, **ASKED, **for_ten_seconds, gives_up_at=GIVES_UP_AT)
    assert short.state.warn_at == T0 + timedelta(seconds=8)


def test_an_extension_arms_the_warning_anew() -> None:
    warned = running.given(Workspace.ExpiryWarned, expires_at=T0 + HOUR)
    extended = warned.given(Workspace.Extended, **FOR_TWO_HOURS)
    soon = T0 + 2 * HOUR - timedelta(minutes=5)
    extended.when(Workspace.warn, soon).then(Workspace.ExpiryWarned, at=soon, expires_at=T0 + 2 * HOUR)


def test_nobody_loses_a_workspace_without_a_warning() -> None:
    end = T0 + HOUR
    running.when(Workspace.expire, end).then_all(
        (Workspace.ExpiryWarned, {"at": end, "expires_at": end}), (Workspace.Expired, {"at": end})
    )


@pytest.mark.parametrize("story", [requested, running, stopped, failed, vanished])
def test_it_expires_in_whatever_status(story: Story) -> None:
    story.when(Workspace.expire, T0 + HOUR - timedelta(microseconds=1)).nothing()
    warned = story.given(Workspace.ExpiryWarned, expires_at=T0 + HOUR)
    warned.when(Workspace.expire, T0 + HOUR).then(Workspace.Expired, at=T0 + HOUR)


# -- its end


@pytest.mark.parametrize("story", [requested, running, stopping, stopped, failed, vanished])
def test_it_can_be_deleted_in_whatever_status(story: Story) -> None:
    story.when(Workspace.delete, T0).then(Workspace.Deleted)


@pytest.mark.parametrize("story", [expired, deleted, destroyed])
def test_what_has_ended_has_ended(story: Story) -> None:
    story.when(Workspace.delete, T0).refused(NotFound)
    story.when(Workspace.expire, T0 + 9 * HOUR).nothing()
    story.when(Workspace.warn, T0 + 9 * HOUR).nothing()
    story.when(Workspace.vanished, "lost", T0).nothing()
    story.when(Workspace.adopted, MACHINE, T0).nothing()


def test_why_it_ended_is_remembered() -> None:
    assert expired.state.ended_because == "its term was over"
    assert deleted.state.ended_because == "it was deleted"


def test_it_is_destroyed_once_and_only_after_its_end() -> None:
    running.when(Workspace.destroyed, T0).nothing()
    deleted.when(Workspace.destroyed, T0).then(Workspace.Destroyed)
    destroyed.when(Workspace.destroyed, T0).nothing()


# -- what the sweep finds


def test_a_machine_that_is_lost_is_a_fact() -> None:
    running.when(Workspace.vanished, "lost", T0).then(Workspace.Vanished, reason="lost")
    stopped.when(Workspace.vanished, "lost", T0).then(Workspace.Vanished, reason="lost")
    requested.when(Workspace.vanished, "lost", T0).nothing()
    vanished.when(Workspace.vanished, "lost", T0).nothing()


def test_a_machine_that_somebody_stopped_is_stopped() -> None:
    running.when(Workspace.stopped, None, T0).then(Workspace.Stopped, operation_id=None, cause=None)
    stopping.when(Workspace.stopped, None, T0).nothing()


@pytest.mark.fault("F46")
def test_a_machine_that_ended_by_itself_is_stopped_with_its_reason() -> None:
    cause = OUT_OF_MEMORY
    running.when(Workspace.stopped, None, T0, cause).then(Workspace.Stopped, operation_id=None, cause=cause)
    assert killed.state.error == "out of memory" and killed.row(evolve).error == "out of memory"
    adopted = killed.given(Workspace.Adopted, machine=MACHINE)
    assert adopted.state.error is None and adopted.row(evolve).error is None


@pytest.mark.fault("F46")
def test_a_machine_that_was_started_again_has_other_ports() -> None:
    moved = MACHINE | {"connection": {"host": "127.0.0.1", "ports": {"22": 49154}}}
    running.when(Workspace.found_running, moved, T0, OUT_OF_MEMORY).then(
        Workspace.Started, operation_id=None, machine=moved, cause=OUT_OF_MEMORY
    )
    for other in (stopping, requested, deleted, failed):
        other.when(Workspace.found_running, moved, T0).nothing()
    running.when(Workspace.found_running, MACHINE, T0).nothing()
    vanished.when(Workspace.found_running, moved, T0).then(Workspace.Adopted, machine=moved)


@pytest.mark.fault("F46")
def test_a_start_is_recorded_where_both_are_known() -> None:
    """Version 0.1 did not keep the start: a machine of its time has not been started again by that alone."""
    before, after = (MACHINE | {"started_at": f"2030-01-01T12:00:0{n}Z"} for n in (1, 2))
    running.when(Workspace.found_running, after, T0).nothing()
    since = requested.given(Workspace.Provisioned, machine=before)
    since.when(Workspace.found_running, before, T0).nothing()
    since.when(Workspace.found_running, after, T0).then(Workspace.Started, operation_id=None, machine=after, cause=None)


def test_a_machine_that_turns_up_again_is_adopted() -> None:
    vanished.when(Workspace.adopted, MACHINE, T0).then(Workspace.Adopted, machine=MACHINE)
    stopped.when(Workspace.adopted, MACHINE, T0).then(Workspace.Adopted, machine=MACHINE)
    running.when(Workspace.adopted, MACHINE, T0).nothing()
    failed.when(Workspace.adopted, MACHINE, T0).nothing()


# -- who and why


def test_every_event_says_who_asked_and_because_of_what() -> None:
    workspace = running.state
    workspace.delete(T0)
    (event,) = workspace.signed(by=ANNA, request_id="r1", caused_by=7)
    assert (event.by, event.request_id, event.caused_by) == (ANNA, "r1", 7)
    assert isinstance(event, Workspace.Deleted)
    assert isinstance(event.by, UUID)
