"""Asking for something that takes a while, and waiting for the event that ends it. Nothing is polled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from interfaces.cli.client import Client, Told
from interfaces.cli.host import Stop
from interfaces.cli.output import Progress, note, progress

DONE = {"workspace.provisioned", "workspace.started", "workspace.stopped"}
FAILED = {"workspace.provisioning_failed", "workspace.operation_failed", "workspace.vanished"}
ENDED = {"workspace.deleted": "it was deleted meanwhile", "workspace.expired": "its term was over before"}


def done(client: Client, doing: str, path: str, body: Any, headers: dict[str, str], *, wait: bool) -> dict[str, Any]:
    """The workspace when it is done. `Stop` if it fails, or ends meanwhile."""
    if not wait:
        asked: dict[str, Any] = client.json("POST", path, body, **headers)
        return asked
    # The stream first: what happens between the answer and the first look would be missed.
    told = client.follow(lost=lambda why: note(f"{why}; coming back"))
    next(told)
    asked = client.json("POST", path, body, **headers)
    where = f"workspaces/{asked['id']}"
    try:
        with progress(f"{doing} ({asked['id']})") as report:
            # The same request may have been made before, and what it asks for may be there already.
            if "idempotency-key" in headers:
                asked = client.json("GET", where)
            if not is_settled(asked):
                asked = settled(client, told, asked, report)
    except KeyboardInterrupt:
        note(f"It goes on. To see how: tenure workspaces show {asked['id']}")
        raise typer.Exit(130) from None
    if asked["status"] == "failed":
        raise Stop(f"{named(asked)} has failed: {asked['error_message']}")
    return asked


def settled(client: Client, told: Iterator[Told], asked: dict[str, Any], report: Progress) -> dict[str, Any]:
    """Read on to the event that ends what is under way, and look at what it then is."""
    for event in told:
        ours = event.kind == "reset" or event.data.get("subject") == asked["id"]
        if ours and event.kind == "workspace.delayed":
            report(f"waiting: {event.data['facts']['reason']}")
        if ours and event.kind in ENDED:
            raise Stop(f"{named(asked)} is gone: {ENDED[event.kind]}")
        if ours and event.kind in (*DONE, *FAILED, "reset"):
            it: dict[str, Any] = client.json("GET", f"workspaces/{asked['id']}")
            if is_settled(it) and event.kind in FAILED:
                raise Stop(f"{named(asked)} has failed: {event.data['facts']['reason']}")
            if is_settled(it):
                return it
    raise AssertionError("the stream has no end")


def named(it: dict[str, Any]) -> str:
    return f"{it['name']} ({it['id']})"


def is_settled(it: dict[str, Any]) -> bool:
    """Nothing is under way on it."""
    return it["status"] != "creating" and "operation" not in (it["metadata"] or {})
