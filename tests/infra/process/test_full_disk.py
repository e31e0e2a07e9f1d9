"""The disk of the database is full: requests and readiness say so, and all is well once there is space again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from infra.postgres import embedded as embedded_postgres
from projections.query import DISK_FULL_MESSAGE
from tests.support.server import eventually, served

SIZE_MB = 160  # PostgreSQL alone takes some 90


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, which only root can mount."""
    with TemporaryDirectory(prefix="tenure-test-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0755", "tmpfs", folder]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk to the last byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\1" * 4096)
        except OSError:
            return filler


@pytest.mark.fault("F42")
async def test_a_full_disk_is_said_to_be_full(small_disk: Path, tmp_path: Path) -> None:
    home = small_disk / "home"
    url = embedded_postgres.start(home)
    try:
        async with served(url, tmp_path, max_body_bytes=200_000) as tenure, tenure.client() as alice:
            fine = await alice.post("/api/v1/workspaces", json={"name": "a"})
            assert fine.status_code == 200
            filler = fill(small_disk)
            refusal = await eventually(lambda: refused(alice))
            assert refusal.json() == {"error": DISK_FULL_MESSAGE}
            assert int(refusal.headers["retry-after"]) >= 1
            ready = await alice.get("/health/ready")
            assert ready.status_code == 503
            assert ready.json()["parts"]["database"] == {"ok": False, "error": DISK_FULL_MESSAGE}

            filler.unlink()
            await eventually(lambda: is_ready(alice))
            await eventually(lambda: created(alice))
    finally:
        embedded_postgres.stop(home)


async def refused(client: httpx.AsyncClient) -> httpx.Response | None:
    """Create workspaces until one is refused: files that are there already have some space left."""
    answer = await client.post("/api/v1/workspaces", json={"name": "a"})
    return answer if answer.status_code == 503 else None


async def created(client: httpx.AsyncClient) -> Any:
    return (await client.post("/api/v1/workspaces", json={"name": "b"})).status_code == 200


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200
