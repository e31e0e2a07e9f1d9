"""A worker serves its health and its metrics, and nothing else."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.processes import spawned
from tests.support.server import eventually

pytestmark = pytest.mark.fault("F27")


async def test_a_worker_serves_health_and_metrics_where_a_setting_says(database: str, tmp_path: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    async with (
        spawned(database, tmp_path, role="worker", machines="local", worker_bind=bind),
        httpx.AsyncClient(base_url=f"http://{bind}") as client,
    ):

        async def is_ready() -> bool:
            try:
                return (await client.get("/health/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(is_ready, seconds=60)
        assert (await client.get("/health")).json()["status"] == "ok"
        assert "tenure_work_rows" in (await client.get("/metrics")).text
        for path in ("/api/v1/workspaces", "/api/v1/events", "/docs", "/"):
            assert (await client.get(path, headers={"x-user": "alice"})).status_code == 404
