"""What the lists show after what has happened: the same stories, read as rows."""

import pytest

from domain.workspace import Workspace
from projections import operations, workspaces
from projections.workspaces import WorkspaceRow
from tests.support.stories.workspaces import (
    ANNA,
    HOUR,
    MACHINE,
    OPERATION,
    SNAPSHOT,
    deleted,
    expired,
    failed,
    requested,
    restoring,
    running,
    snapped,
    snapping,
    stopped,
    stopping,
    vanished,
)
from tests.support.story import SUBJECT, T0, Story


def test_a_new_one_is_creating() -> None:
    assert requested.row(workspaces.evolve) == WorkspaceRow(
        SUBJECT, ANNA, "lab", "python", "docker", "creating", T0, T0, 3600, T0 + HOUR
    )


def test_a_running_one_can_be_reached() -> None:
    row = running.row(workspaces.evolve)
    assert (row.status, row.machine, row.waiting) == ("running", MACHINE, None)


def test_its_update_time_moves_with_its_status() -> None:
    later = requested.given(Workspace.Provisioned, machine=MACHINE, at=T0 + HOUR)
    assert later.row(workspaces.evolve).updated_at == T0 + HOUR


def test_it_shows_what_is_under_way_until_that_is_over() -> None:
    assert stopping.row(workspaces.evolve).operation == "stop"
    stopped_again = stopping.given(Workspace.Stopped, operation_id=OPERATION, cause=None)
    assert stopped_again.row(workspaces.evolve).operation is None


@pytest.mark.parametrize(("story", "error"), [(failed, "no image"), (vanished, "lost")])
def test_a_failure_says_why(story: Story, error: str) -> None:
    row = story.row(workspaces.evolve)
    assert (row.status, row.error) == ("failed", error)


@pytest.mark.parametrize("story", [expired, deleted])
def test_what_has_ended_is_not_listed(story: Story) -> None:
    assert story.row(workspaces.evolve) is None
    assert story.given(Workspace.Destroyed).row(workspaces.evolve) is None


def test_snapshots_are_listed_with_their_state() -> None:
    (taking,) = snapping.row(workspaces.evolve).snapshots
    assert (taking["id"], taking["label"], taking["status"]) == (str(SNAPSHOT), "before", "taking")
    (ready,) = snapped.row(workspaces.evolve).snapshots
    assert (ready["status"], ready["size_bytes"]) == ("ready", 1000)
    broken = snapping.given(Workspace.OperationFailed, operation_id=OPERATION, operation="snapshot", reason="full")
    assert broken.row(workspaces.evolve).snapshots[0]["status"] == "failed"


@pytest.mark.parametrize(
    "story", [requested, running, stopped, stopping, failed, vanished, snapping, snapped, restoring]
)
def test_the_row_and_the_aggregate_tell_the_same(story: Story) -> None:
    row, state = story.row(workspaces.evolve), story.state
    shared = "id owner_id name template provider status created_at updated_at ttl_seconds expires_at"
    for field in [*shared.split(), "machine", "error", "waiting", "operation"]:
        assert getattr(row, field) == getattr(state, field), field


def operation_rows(story: Story) -> list[tuple[str, str | None, str | None]]:
    rows: dict[object, operations.OperationRow | None] = {}
    for event in story.events:
        key = operations.key(event)
        if key:
            rows[key] = operations.evolve(rows.get(key), event)
    return [(row.kind, row.outcome, row.error) for row in rows.values() if row]


def test_operations_tell_what_is_done_and_how_it_went() -> None:
    assert operation_rows(requested) == [("create", None, None)]
    assert operation_rows(requested.given(Workspace.Delayed, reason="away")) == [("create", None, "away")]
    assert operation_rows(running) == [("create", "done", None)]
    assert operation_rows(failed) == [("create", "failed", "no image")]
    assert operation_rows(stopping) == [("create", "done", None), ("stop", None, None)]
    assert operation_rows(snapped) == [("create", "done", None), ("snapshot", "done", None)]
    assert operation_rows(deleted) == [("create", "done", None), ("delete", None, None)]
    ended = deleted.given(Workspace.Destroyed)
    assert operation_rows(ended) == [("create", "done", None), ("delete", "done", None)]
