"""Sessions that nobody is in end by themselves, and the log says why."""

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

from infra.reconcile.idle_sessions import Idling
from tests.contracts.warpdrive.people import host, keyholder
from tests.contracts.warpdrive.test_over_ssh import engine, new_key
from tests.infra.docker.test_ssh import greeting, ssh
from tests.support.engines import IMAGE, DockerEngine
from tests.support.server import Served, eventually, served

__all__ = ["engine"]


class Later:
    """A clock that the test winds on."""

    def __init__(self, tenure: Served) -> None:
        self._clock, self.by = tenure.tenure.deps.native.clock, timedelta()

    def __call__(self) -> Any:
        return self._clock() + self.by


@pytest.fixture
def hour() -> timedelta:
    return timedelta(hours=1)


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """Nothing looks for idle sessions but the test."""
    async with served(database, tmp_path, reconciles=False) as serving:
        yield serving


def idling(tenure: Served, clock: Later, longest: timedelta) -> Idling:
    return replace(tenure.tenure.idling, clock=clock, longest=longest)


async def machine_of(client: httpx.AsyncClient) -> UUID:
    told = (await client.get("/api/v1/audit/events", params={"kind": "hosted_session.opened"})).json()
    return UUID(told["events"][0]["facts"]["workspace_id"])


async def reasons(client: httpx.AsyncClient) -> list[str]:
    told = (await client.get("/api/v1/audit/events", params={"kind": "hosted_session.ended"})).json()
    return [it["facts"]["reason"] for it in told["events"]]


async def test_it_ends_when_nobody_was_in_it_for_so_long(tenure: Served, hour: timedelta) -> None:
    clock = Later(tenure)
    look = idling(tenure, clock, hour).once
    async with keyholder(tenure, "anna") as anna:
        session = await host(anna)
        machine = await machine_of(anna)
        assert await look() == []  # from now on it is looked at
        clock.by = hour - timedelta(seconds=1)
        tenure.engine.used.add(machine)
        assert await look() == []
        tenure.engine.used.clear()
        clock.by = 2 * hour - timedelta(minutes=1)
        assert await look() == []  # somebody was in it an hour ago, less a minute
        clock.by = 2 * hour
        assert await look() == [UUID(session["session_id"])]
        assert await reasons(anna) == ["nobody was in it"]
        assert (await anna.get(f"/sessions/{session['session_id']}")).status_code == 404
        assert await look() == []


async def test_what_cannot_be_seen_counts_for_nothing(tenure: Served, hour: timedelta) -> None:
    clock = Later(tenure)
    look = idling(tenure, clock, hour).once
    async with keyholder(tenure, "anna") as anna:
        session = await host(anna)
        await look()
        clock.by = 2 * hour
        tenure.engine.away = True
        assert await look() == []
        tenure.engine.away = False
        assert await look() == [UUID(session["session_id"])]


async def test_who_is_logged_in_is_in_it(engine: DockerEngine, database: str, tmp_path: Path) -> None:
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

        await eventually(empty)  # once the greeting is over
        inside = asyncio.create_task(
            asyncio.to_thread(ssh, port, key, "tenure@127.0.0.1", "while ! test -e /tmp/go; do sleep 0.1; done")
        )
        await eventually(used)
        await asyncio.to_thread(ssh, port, key, "tenure@127.0.0.1", "touch /tmp/go")
        await inside
        await eventually(empty)
        await anna.delete(f"/sessions/{session['session_id']}")
