"""Terminals of workspaces with several processes: one watches, another shows, and either may die."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.contracts.asking import WORKSPACES, fine, running
from tests.contracts.chrote.people import sign_in
from tests.contracts.chrote.terminals import socket
from tests.support.engines import IMAGE, DockerEngine
from tests.support.processes import spawned
from tests.support.server import WAIT_TIMEOUT_S, eventually


@pytest.fixture
def engine(database: str) -> Iterator[DockerEngine]:
    """An engine from which everything of the test's installation is removed afterwards."""
    engine = DockerEngine()
    yield engine
    with psycopg.connect(database) as conn:
        engine.installations.update(id for (id,) in conn.execute("select id from installation"))
    engine.close()


async def kinds(client: httpx.AsyncClient) -> list[str]:
    events = fine(await client.get("/api/v1/audit/events", params={"kind": "session"}))["events"]
    return [event["kind"] for event in events]


async def is_known(client: httpx.AsyncClient) -> bool:
    return (await client.get("/auth/me")).status_code == 200


async def test_every_server_shows_it_whoever_watches_and_whoever_dies(
    database: str, tmp_path: Path, engine: DockerEngine
) -> None:
    def process(name: str, role: str) -> Any:
        where: dict[str, Any] = {"machines": "docker", "workspace_image": IMAGE, "tmux_socket": tmp_path / "no-tmux"}
        return spawned(database, tmp_path / name, role=role, **where)

    async with process("api", "api") as api, httpx.AsyncClient(base_url=api.url, timeout=WAIT_TIMEOUT_S) as olga:

        async def types(text: str) -> None:
            async with socket(api.url, olga, f"/ws/terminal/{id}") as terminal:
                await terminal.until("connected")
                await terminal.say("sendKeys", keys=f"echo {text[:1]}''{text[1:]}\r")
                await terminal.until_shown(text)

        async def happened(*expected: str) -> None:
            async def has_events() -> bool:
                return await kinds(olga) == list(expected)

            await eventually(has_events)

        async with process("one", "worker") as one:
            await sign_in(olga, "Olga")
            await eventually(partial(is_known, olga))  # once the worker has begun
            id = (await running(olga))["id"]
            await happened("session.found")
            fine(await olga.post(f"/api/sessions/{id}/claim"))
            await types("first")
            one.kill()
            await one.has_died()
        await types("second")  # showing a terminal needs no process that watches
        await until_forgotten(engine, id)
        async with process("two", "worker"):
            container = engine.container(UUID(id))
            await asyncio.to_thread(container.restart, timeout=1)  # behind our back
            await happened("session.found", "session.closed", "session.found")
            fine(await olga.post(f"/api/sessions/{id}/claim"))
            await types("third")
            fine(await olga.delete(f"{WORKSPACES}/{id}"))
            await happened("session.found", "session.closed", "session.found", "session.closed")


async def until_forgotten(engine: DockerEngine, id: str) -> None:
    """Wait until no tmux client of the process that died is left in the container."""

    async def few() -> bool:
        clients = await asyncio.to_thread(engine.inside, UUID(id), "tmux", "list-clients", "-F", "#{client_name}")
        return len(clients.split()) <= 1  # this one lists itself

    await eventually(few)
