"""vm-api on a real Docker engine: workspaces have containers, and deleted ones have none (V12, V31, V36, V43)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.contracts.asking import WORKSPACES, fine, running, until_gone, until_status
from tests.contracts.vm_api.test_snapshots import take_snapshot
from tests.support.engines import IMAGE, Engine, opened
from tests.support.server import Served, eventually, served


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[Engine]:
    async with opened("docker", tmp_path) as engine:
        yield engine


@pytest.fixture
async def tenure(database: str, tmp_path: Path, docker: Engine) -> AsyncIterator[Served]:
    async with served(database, tmp_path, docker.machines, workspace_image=IMAGE) as serving:
        yield serving


@pytest.mark.line("V12", "V20", "V26", "V27", "V31", "V36")
async def test_from_creation_to_destruction(docker: Engine, alice: httpx.AsyncClient) -> None:
    one = await running(alice, name="lab", ttl_seconds=3600)
    id = UUID(one["id"])
    assert one["provider"] == "docker"
    (container,) = docker.leftovers(id)
    assert one["connection_info"]["container_id"].startswith(container)
    assert one["connection_info"]["ssh_command"] == "vm ssh lab"
    assert await greeting(one["connection_info"]["ports"]["22"]) == b"SSH-2.0-"

    fine(await alice.delete(f"{WORKSPACES}/{id}"))
    await until_gone(alice, one["id"])
    await eventually(lambda: none_left(docker, id))


async def greeting(port: int) -> bytes:
    """The first bytes sent on a port. Retries, because a machine's SSH server starts after the machine."""

    async def first_bytes() -> bytes:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            banner = await reader.read(8)
        except ConnectionError:
            return b""
        writer.close()
        return banner

    banner: bytes = await eventually(first_bytes)
    return banner


async def none_left(docker: Engine, id: UUID) -> bool:
    return not await asyncio.to_thread(docker.leftovers, id)


@pytest.mark.line("V38")
async def test_expiry_destroys_it_as_well(docker: Engine, alice: httpx.AsyncClient) -> None:
    one = await running(alice, ttl_seconds=5)
    assert docker.leftovers(UUID(one["id"]))
    await until_gone(alice, one["id"])
    await eventually(lambda: none_left(docker, UUID(one["id"])))


@pytest.mark.line("V32", "V41", "V43", "V12")
async def test_files_outlive_a_stop_and_come_back_from_a_snapshot(docker: Engine, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    id = UUID(one["id"])
    docker.inside(id, "sh", "-c", "echo first > kept")
    shot = await take_snapshot(alice, one["id"], name="first")
    assert shot["size_bytes"] > 0

    docker.inside(id, "sh", "-c", "echo second > kept")
    fine(await alice.post(f"{WORKSPACES}/{id}/stop"))
    await until_status(alice, one["id"], "stopped")
    fine(await alice.post(f"{WORKSPACES}/{id}/start"))
    await until_status(alice, one["id"], "running")
    assert docker.inside(id, "cat", "kept") == b"second\n"

    fine(await alice.post(f"{WORKSPACES}/{id}/snapshots/{shot['id']}/restore"))
    await until_status(alice, one["id"], "running")
    assert docker.inside(id, "cat", "kept") == b"first\n"

    fine(await alice.delete(f"{WORKSPACES}/{id}"))
    await eventually(lambda: none_left(docker, id))
