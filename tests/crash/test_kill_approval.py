"""Killed with -9 between any two steps of an approval, on the real Docker engine: then started again.

Afterwards the guest's key is in the container if and only if the log says approved and installed, and whoever opens
their stream again is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

import docker
import httpx
import pytest

from tests.contracts.warpdrive.people import (
    Fields,
    approve,
    asking,
    guests,
    host,
    keyholder,
    public_key,
    watching,
)
from tests.crash.test_kill import Steps, engine, moments
from tests.support.processes import Spawned
from tests.support.server import eventually

__all__ = ["engine"]


async def wait_for_outcome(
    anna: httpx.AsyncClient, ben: httpx.AsyncClient, session: Fields, opened: asyncio.Event
) -> None:
    """He waits, until his stream breaks off or he is told."""
    try:
        async with asking(ben, session) as guest:
            opened.set()
            await guest.next("join_request_outcome")
    except (httpx.TransportError, StopAsyncIteration):
        pass


async def approved(anna: httpx.AsyncClient, session: Fields, request: Fields) -> httpx.Response | None:
    try:
        return await approve(anna, session, request)
    except httpx.TransportError:
        return None


@pytest.mark.timeout(600)
async def test_killed_between_any_two_steps_of_an_approval(
    database: str, tmp_path: Path, engine: docker.DockerClient
) -> None:
    steps = Steps(database, tmp_path)
    async with steps.life() as tenure, keyholder(tenure, "anna") as anna, keyholder(tenure, "ben") as ben:
        keys = [client.headers["x-api-key"] for client in (anna, ben)]
        await an_approval(steps, anna, ben)
        noted = steps.noted.read_text().splitlines()
    assert noted == [
        "STORE Guest.Approved",
        "POST /containers/{}/exec",
        "POST /exec/{}/start",
        "GET /exec/{}/json",
        "STORE Guest.Installed",
    ]
    for nth, when in moments(noted):
        async with lived(steps, keys) as (tenure, anna, ben):
            session, request = await an_approval(steps, anna, ben, at=nth, when=when)
            assert await tenure.has_died() == SIGKILL
        async with lived(steps, keys) as (_, anna, ben):
            was_stored = (nth, when) != (1, "before")
            await agrees(engine, anna, ben, session, request, was_stored, f"killed {when} {noted[nth - 1]}")
            await anna.delete(f"/sessions/{session['session_id']}")


@asynccontextmanager
async def lived(steps: Steps, keys: list[str]) -> AsyncIterator[tuple[Spawned, httpx.AsyncClient, httpx.AsyncClient]]:
    """A process, with both who use it."""
    async with (
        steps.life() as tenure,
        keyholder(tenure, "anna", keys[0]) as anna,
        keyholder(tenure, "ben", keys[1]) as ben,
    ):
        yield tenure, anna, ben


async def an_approval(
    steps: Steps, anna: httpx.AsyncClient, ben: httpx.AsyncClient, **order: Any
) -> tuple[Fields, Fields]:
    """Asked for, and given; steps are counted from then on."""
    session, opened = await host(anna), asyncio.Event()
    async with watching(anna, session) as owner:
        waiting = asyncio.create_task(wait_for_outcome(anna, ben, session, opened))
        request = await owner.next("join_requested")
        steps.order(**order)
        answer = await approved(anna, session, request)
        assert (answer is None) == bool(order), answer
        await waiting
    return session, request


async def agrees(
    engine: docker.DockerClient,
    anna: httpx.AsyncClient,
    ben: httpx.AsyncClient,
    session: Fields,
    request: Fields,
    was_stored: bool,
    order: str,
) -> None:
    """What was decided is carried out, what was not waits, and both are told so."""

    async def settled() -> str:
        (one,) = await guests(anna, session)
        status: str = one["status"]
        return status if status in ("waiting", "installed") else ""

    status = await eventually(settled)
    assert status == ("installed" if was_stored else "waiting"), order
    assert await key_inside(engine, anna, session) == (public_key("guest") if was_stored else None), order
    async with watching(anna, session) as owner:
        if was_stored:
            async with asking(ben, session) as guest:
                outcome = await guest.next("join_request_outcome")
                assert outcome == {"status": "denied", "reason": "user_already_in_session"}, order
            return
        assert await owner.next("join_requested") == request, order
        async with asking(ben, session) as guest:
            again = await owner.next("join_requested")
            assert (await approve(anna, session, again)).status_code == 200
            assert await guest.next("join_request_outcome") == {"status": "approved"}, order
    assert await key_inside(engine, anna, session) == public_key("guest"), order


async def key_inside(engine: docker.DockerClient, anna: httpx.AsyncClient, session: Fields) -> str | None:
    """The key that opens the session's machine for bob."""
    port = (await anna.get(f"/sessions/{session['session_id']}")).json()["ssh"]["port"]
    (machine,) = engine.containers.list(filters={"publish": str(port)})
    result = machine.exec_run(["cat", "/etc/ssh/authorized_keys/bob"])
    return result.output.decode().strip() if result.exit_code == 0 else None
