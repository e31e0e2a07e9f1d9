"""Requests that take a while: send one, and wait for the event that ends it. Nothing is polled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from interfaces.cli.client import Client, StreamEvent
from interfaces.cli.host import Stop
from interfaces.cli.output import Progress, note, progress

DONE = {"workspace.provisioned", "workspace.started", "workspace.stopped"}
FAILED = {"workspace.provisioning_failed", "workspace.operation_failed", "workspace.vanished"}
ENDED = {"workspace.deleted": "it was deleted meanwhile", "workspace.expired": "its term was over before"}


def request_and_wait(
    client: Client, activity: str, path: str, body: Any, headers: dict[str, str], *, wait: bool
) -> dict[str, Any]:
    """Send the request, and return the workspace once it is done. Raises `Stop` if it fails, or ends meanwhile."""
    workspace: dict[str, Any]
    if not wait:
        workspace = client.json("POST", path, body, headers)
        return workspace
    # Open the stream before the request: events between the two would be missed otherwise.
    events = client.follow(on_lost=lambda reason: note(f"{reason}; coming back"))
    next(events)
    workspace = client.json("POST", path, body, headers)
    try:
        with progress(f"{activity} ({workspace['id']})") as report:
            # The same request may have been sent before, and its workspace may be done already.
            if "idempotency-key" in headers:
                workspace = client.json("GET", f"workspaces/{workspace['id']}")
            if not is_settled(workspace):
                workspace = wait_until_settled(client, events, workspace, report)
    except KeyboardInterrupt:
        note(f"It goes on. To see how: tenure workspaces show {workspace['id']}")
        raise typer.Exit(130) from None
    if workspace["status"] == "failed":
        raise Stop(f"{label(workspace)} has failed: {workspace['error_message']}")
    return workspace


def wait_until_settled(
    client: Client, events: Iterator[StreamEvent], workspace: dict[str, Any], report: Progress
) -> dict[str, Any]:
    """Read events until the workspace has settled, and return it. Raises `Stop` if it fails, or ends."""
    for event in events:
        concerns = event.kind == "reset" or event.data.get("subject") == workspace["id"]
        if concerns and event.kind == "workspace.delayed":
            report(f"waiting: {event.data['facts']['reason']}")
        if concerns and event.kind in ENDED:
            raise Stop(f"{label(workspace)} is gone: {ENDED[event.kind]}")
        if concerns and event.kind in (*DONE, *FAILED, "reset"):
            current: dict[str, Any] = client.json("GET", f"workspaces/{workspace['id']}")
            if is_settled(current) and event.kind in FAILED:
                raise Stop(f"{label(workspace)} has failed: {event.data['facts']['reason']}")
            if is_settled(current):
                return current
    raise AssertionError("the stream has no end")


def label(workspace: dict[str, Any]) -> str:
    """The name and the id of a workspace."""
    return f"{workspace['name']} ({workspace['id']})"


def is_settled(workspace: dict[str, Any]) -> bool:
    """Whether no operation is under way on the workspace."""
    return workspace["status"] != "creating" and "operation" not in (workspace["metadata"] or {})
