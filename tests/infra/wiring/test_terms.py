"""The settings of terms reach the work that is due."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from infra.postgres.rows import fetch_all
from tests.support.server import served

DUE = "select command, due_at from work"


@pytest.mark.fault("F38")
async def test_patience_and_warnings_follow_the_settings(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, provision_patience=60, warn_seconds=30) as serving, serving.client() as alice:
        serving.engine.away = True
        answer = await alice.post("/api/v1/workspaces", json={"name": "lab", "ttl_seconds": 3600})
        requested_at = datetime.fromisoformat(answer.json()["created_at"])
        await alice.get("/api/v1/workspaces")  # waits until the work is written as well
        due = dict(await fetch_all(serving.tenure.pool, DUE, ()))
    assert due["workspace.give_up"] - requested_at == timedelta(seconds=60)
    assert due["workspace.expire"] - due["workspace.warn"] == timedelta(seconds=30)
