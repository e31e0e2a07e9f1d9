"""Dying at a step of the Docker engine: a process is told at which request to it, and kills itself there, with -9.

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
from requests import PreparedRequest, Response, Session

ABOUT_A_MACHINE = re.compile(
    r"/containers/(create\b|tenure-)|/images/|/networks/create|/networks/.*/connect|/networks/[0-9a-f]{64}"
)


def obey(orders: Path) -> None:
    """From now on every request to the engine looks at the orders first."""
    honest = Session.send
    asked = 0

    def send(self: Session, request: PreparedRequest, **options: Any) -> Response:
        nonlocal asked
        if not isinstance(self, APIClient) or not orders.exists() or not ABOUT_A_MACHINE.search(request.path_url):
            return honest(self, request, **options)
        order = json.loads(orders.read_text())
        nth = asked = asked + 1  # others may ask while this one waits for its answer
        note(orders, f"{request.method} {what(request.path_url)}")
        if order == {"at": nth, "when": "before"}:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = honest(self, request, **options)
        if order == {"at": nth, "when": "after"}:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Session.send = send  # type: ignore[method-assign]


def note(orders: Path, line: str) -> None:
    with orders.with_suffix(".noted").open("a") as notes:
        notes.write(f"{line}\n")


def what(path: str) -> str:
    """The path without version, name and question: `/containers/{}/start`."""
    return re.sub(r"^/v[\d.]+|tenure-[-0-9a-f]{36}|\?.*$", lambda m: "{}" if "tenure" in m[0] else "", path)
