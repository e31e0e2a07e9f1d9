"""Workspaces that are already in the log: stored straight into it, past HTTP and past any engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg

from application.access import Cause
from application.platform import Platform
from domain.machine import MachineFacts
from domain.workspace import Workspace
from infra.eventlog.event_store import close_platform, open_platform

DAY, YEAR = 86_400, timedelta(days=365)
MACHINE: MachineFacts = {
    "provider_id": "tenure-550e8400-e29b-41d4-a716-446655440000",
    "engine_id": "4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01",
    "connection": {"host": "127.0.0.1", "ports": {"22": 49153}},
}


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def platform(database: str) -> Iterator[Platform]:
    """The application on a database, with the group writer; without any read model."""
    opened = open_platform(database)
    try:
        yield opened
    finally:
        close_platform(opened)


def requested(owner_id: UUID | None = None, ttl_seconds: int = DAY, at: datetime | None = None) -> Workspace:
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


def running(owner_id: UUID | None = None) -> Workspace:
    workspace = requested(owner_id)
    workspace.provisioned(MACHINE, now())
    return workspace


async def store(platform: Platform, workspaces: list[Workspace]) -> None:
    """All of them, in order, a hundred in one commit."""
    for nth in range(0, len(workspaces), 100):
        await platform.commit(Cause(request_id="bench"), *workspaces[nth : nth + 100])


async def until(database: str, fact: LiteralString, seconds: float = 120) -> None:
    """Return when a `select` says true. Looks again whenever the read models have advanced."""
    async with asyncio.timeout(seconds):
        conn = await psycopg.AsyncConnection.connect(database, autocommit=True)
        async with conn:
            await conn.execute("listen tenure_followed")
            while not await holds(conn, fact):
                async for _ in conn.notifies(timeout=1, stop_after=1):
                    pass


async def holds(conn: psycopg.AsyncConnection[Any], fact: LiteralString) -> bool:
    (row,) = await (await conn.execute(fact)).fetchall()
    return bool(row[0])


FOLLOWED = "select (select position from follower) >= (select coalesce(max(notification_id), 0) from tenure_events)"
SETTLED = f"{FOLLOWED} and not exists (select from work where lane = 'engine')"  # and the machines are made
