"""Stores workspaces straight into the log, without HTTP and without an engine."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg

from application.access import Cause
from application.platform import Platform
from domain.machine import MachineFacts
from domain.workspace import Workspace

DAY_S, YEAR = 86_400, timedelta(days=365)
MACHINE: MachineFacts = {
    "provider_id": "tenure-550e8400-e29b-41d4-a716-446655440000",
    "engine_id": "4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01",
    "connection": {"host": "127.0.0.1", "ports": {"22": 49153}},
}


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def requested_workspace(
    owner_id: UUID | None = None, ttl_seconds: int = DAY_S, at: datetime | None = None
) -> Workspace:
    """A workspace that was requested."""
    return Workspace.request(
        id=uuid4(),
        owner_id=owner_id or uuid4(),
        name="bench",
        template="nodejs",
        provider="fake",
        ttl_seconds=ttl_seconds,
        max_term=YEAR,
        now=at or now(),
    )


def running_workspace(owner_id: UUID | None = None) -> Workspace:
    """A workspace whose machine runs."""
    workspace = requested_workspace(owner_id)
    workspace.provisioned(MACHINE, now())
    return workspace


async def store(platform: Platform, workspaces: list[Workspace]) -> None:
    """Store the workspaces in order, a hundred in one commit."""
    for start in range(0, len(workspaces), 100):
        await platform.commit(Cause(request_id="bench"), *workspaces[start : start + 100])


async def wait_until(database: str, condition: LiteralString, timeout_s: float = 120) -> None:
    """Return when a `select` returns true. It runs again whenever the read models have advanced."""
    async with asyncio.timeout(timeout_s):
        conn = await psycopg.AsyncConnection.connect(database, autocommit=True)
        async with conn:
            await conn.execute("listen tenure_followed")
            while not await is_true(conn, condition):
                async for _ in conn.notifies(timeout=1, stop_after=1):
                    pass


async def is_true(conn: psycopg.AsyncConnection[Any], condition: LiteralString) -> bool:
    """Return the boolean that this `select` returns."""
    (row,) = await (await conn.execute(condition)).fetchall()
    return bool(row[0])


FOLLOWED = "select (select position from follower) >= (select coalesce(max(notification_id), 0) from tenure_events)"
SETTLED = f"{FOLLOWED} and not exists (select from work where lane = 'engine')"  # and all machines run
