"""Dying at a step of the Docker engine: a process is told at which request to it, and kills itself there, with -9.
What is stored of guests is a step, too.

The orders are a file, so that they can be given once the process is well: `{"at": 2, "when": "before"}`, counted from
then on over what is asked about the one machine that the test makes. Without `at`, the requests are only noted down.
"""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from docker import APIClient
from eventsourcing.persistence import StoredEvent
from requests import PreparedRequest, Response, Session

from infra.eventlog.event_store import GroupWriter

ABOUT_A_MACHINE = re.compile(
    r"/containers/(create\b|tenure-)|/exec/|/images/|/networks/create|/networks/.*/connect|/networks/[0-9a-f]{64}"
)


def obey(orders: Path) -> None:
    """From now on every request to the engine looks at the orders first."""
    honest, honestly_stored = Session.send, GroupWriter.store
    request_count = 0

    def reached(step: str) -> int:
        nonlocal request_count
        request_count += 1
        nth = request_count  # others may get further while this one waits
        note(orders, step)
        die_if_told(nth, "before")
        return nth

    def die_if_told(nth: int, when: str) -> None:
        if json.loads(orders.read_text()) == {"at": nth, "when": when}:
            os.kill(os.getpid(), signal.SIGKILL)

    async def store(self: GroupWriter, events: list[StoredEvent]) -> None:
        kind = events[-1].topic.rpartition(":")[2]
        if not kind.startswith("Guest.") or not orders.exists():
            return await honestly_stored(self, events)
        nth = reached(f"STORE {kind}")
        await honestly_stored(self, events)
        die_if_told(nth, "after")

    def send(self: Session, request: PreparedRequest, **options: Any) -> Response:
        is_step = ABOUT_A_MACHINE.search(request.path_url) and not is_look(request)
        if not isinstance(self, APIClient) or not orders.exists() or not is_step:
            return honest(self, request, **options)
        nth = reached(f"{request.method} {route(request.path_url)}")
        answer = honest(self, request, **options)
        die_if_told(nth, "after")
        return answer

    Session.send = send  # type: ignore[method-assign]
    GroupWriter.store = store  # type: ignore[method-assign]


def is_look(request: PreparedRequest) -> bool:
    """Whether a machine or image is only looked at. Events of the engine and templates lead to looks at any moment."""
    return request.method == "GET" and route(request.path_url) in ("/containers/{}/json", "/images/json")


def note(orders: Path, line: str) -> None:
    with orders.with_suffix(".noted").open("a") as notes:
        notes.write(f"{line}\n")


def route(path: str) -> str:
    """The path without version, name and question: `/containers/{}/start`."""
    path = re.sub(r"^/v[\d.]+|\?.*$", "", path)
    return re.sub(r"tenure-[-0-9a-f]{36}|(?<=/exec/)\w+", "{}", path)
