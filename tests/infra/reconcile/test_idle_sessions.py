"""Sessions that nobody uses are ended, and the log says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.reconcile.idle_sessions import IdleSessions
from tests.contracts.warpdrive.people import host, keyholder
from tests.contracts.warpdrive.test_over_ssh import engine, new_key
from tests.infra.docker.test_ssh import greeting, ssh
from tests.support.engines import IMAGE, DockerEngine
from tests.support.server import Served, eventually, served

__all__ = ["engine"]


class FastClock:
    """A clock that the test sets forward."""

    def __init__(self, tenure: Served) -> None:
        self._clock, self.ahead = tenure.tenure.deps.native.clock, timedelta()

    def __call__(self) -> Any:
        return self._clock() + self.ahead


@pytest.fixture
def hour() -> timedelta:
    return timedelta(hours=1)


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A server that checks for idle sessions only when the test does."""
    async with served(database, tmp_path, reconciles=False) as server:
        yield server


def idle_sessions(tenure: Served, clock: FastClock, max_idle: timedelta) -> IdleSessions:
    return replace(tenure.tenure.idle_sessions, clock=clock, max_idle=max_idle)


async def machine_of(client: httpx.AsyncClient) -> UUID:
    page = (await client.get("/api/v1/audit/events", params={"kind": "hosted_session.opened"})).json()
    return UUID(page["events"][0]["facts"]["workspace_id"])


async def reasons(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/api/v1/audit/events", params={"kind": "hosted_session.ended"})).json()
    return [event["facts"]["reason"] for event in page["events"]]


async def test_a_session_ends_when_it_was_empty_for_too_long(tenure: Served, hour: timedelta) -> None:
    clock = FastClock(tenure)
    check = idle_sessions(tenure, clock, hour).run_once
    async with keyholder(tenure, "anna") as anna:
        session = await host(anna)
        machine = await machine_of(anna)
        assert await check() == []  # its time begins with the first check
        clock.ahead = hour - timedelta(seconds=1)
        tenure.engine.used.add(machine)
        assert await check() == []
        tenure.engine.used.clear()
        clock.ahead = 2 * hour - timedelta(minutes=1)
        assert await check() == []  # it was in use 59 minutes before
        clock.ahead = 2 * hour
        assert await check() == [UUID(session["session_id"])]
        assert await reasons(anna) == ["nobody was in it"]
        assert (await anna.get(f"/sessions/{session['session_id']}")).status_code == 404
        assert await check() == []


async def test_a_check_without_an_answer_ends_nothing(tenure: Served, hour: timedelta) -> None:
    clock = FastClock(tenure)
    check = idle_sessions(tenure, clock, hour).run_once
    async with keyholder(tenure, "anna") as anna:
        session = await host(anna)
        await check()
        clock.ahead = 2 * hour
        tenure.engine.away = True
        assert await check() == []
        tenure.engine.away = False
        assert await check() == [UUID(session["session_id"])]


async def test_a_login_over_ssh_counts_as_use(engine: DockerEngine, database: str, tmp_path: Path) -> None:
    key, public = new_key(tmp_path / "key")
    async with (
        served(database, tmp_path, engine.machines, workspace_image=IMAGE) as tenure,
        keyholder(tenure, "anna") as anna,
    ):
        session = await host(anna, pub_key=public)
        port = (await anna.get(f"/sessions/{session['session_id']}")).json()["ssh"]["port"]
        await greeting(port)
        machine = await machine_of(anna)

        async def used() -> bool:
            return await engine.machines.is_used(machine)

        async def empty() -> bool:
            return not await used()

        await eventually(empty)  # when the connection for the greeting is closed
        inside = asyncio.create_task(
            asyncio.to_thread(ssh, port, key, "tenure@127.0.0.1", "while ! test -e /tmp/go; do sleep 0.1; done")
        )
        await eventually(used)
        await asyncio.to_thread(ssh, port, key, "tenure@127.0.0.1", "touch /tmp/go")
        await inside
        await eventually(empty)
        await anna.delete(f"/sessions/{session['session_id']}")
