"""A running server that the scenario acts on: its clients, its engines in memory, and its clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import psycopg

from tests.upgrade.product import ApplicationCalls, Clock, Engine, FakeHypervisor, Served, Words

TIMEOUT_S = 20.0
POLL_S = 0.01
# The follower has folded the whole log, and no work is due or in a worker's hands.
SETTLED = """
select failed is null and position = (select coalesce(max(notification_id), 0) from tenure_events)
    and not exists (select from work where run_at <= %s or holder is not null)
from follower
"""
FOLDED = "select position = (select max(notification_id) from tenure_events) from follower"
STORED = "select count(*) > 0 from tenure_events where topic like %s"


@dataclass
class World:
    server: Served
    database: str
    clock: Clock
    engine: Engine
    paris: Engine  # the engine of the region paris
    hypervisor: FakeHypervisor
    words: Words
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)  # by client, its headers
    secrets: dict[str, Any] = field(default_factory=dict)  # passwords, codes and what else opens something
    ids: dict[str, str] = field(default_factory=dict)
    has_worker: bool = True  # without one the clock stands still, so that nothing becomes due

    @property
    def application(self) -> ApplicationCalls:
        return ApplicationCalls(self.server, self.clock)

    def add_client(self, name: str, **headers: str) -> None:
        self.credentials[name] = headers
        self.clients[name] = httpx.AsyncClient(base_url=self.server.url, headers=headers, timeout=TIMEOUT_S)

    async def replace_client(self, name: str, **headers: str) -> None:
        await self.clients.pop(name).aclose()
        self.add_client(name, **headers)

    async def remove_client(self, name: str) -> None:
        await self.clients.pop(name).aclose()
        del self.credentials[name]

    async def close(self) -> None:
        for client in self.clients.values():
            await client.aclose()

    async def request(
        self, client: str, method: str, path: str, body: Any = None, status: int = 200, **headers: str
    ) -> Any:
        """Send a request one second later, and settle. Returns the body of the answer."""
        if self.has_worker:
            self.clock.forward(1)
        header_values = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.clients[client].request(method, path, json=body, headers=header_values)
        assert answer.status_code == status, (client, method, path, answer.status_code, answer.text)
        await self.settle()
        return answer.json() if answer.content else None

    async def settle(self) -> None:
        """Wait until everything that follows has happened."""
        if self.has_worker:
            await settle(self.database, self.clock())

    async def forward(self, seconds: float) -> None:
        """Let time pass, and do what becomes due."""
        self.clock.forward(seconds)
        await self.settle()

    async def wait_for_event(self, topic: str) -> None:
        """Wait for the first event of a kind that no request causes."""
        await poll(self.database, STORED, f"%:{topic}")
        await self.settle()

    async def reconcile(self, id: UUID) -> None:
        self.clock.forward(1)
        await self.application.reconcile(id)
        await self.settle()


async def settle(database: str, now: datetime) -> None:
    """Wait until all work that is due by `now` is done and folded."""
    await poll(database, SETTLED, now)


async def wait_until_folded(database: str) -> None:
    """Wait until the follower has folded the whole log."""
    await poll(database, FOLDED)


async def poll(database: str, question: str, *args: Any) -> None:
    """Ask the database until it answers true. Wakes the worker each time, since its clock stands still."""
    async with asyncio.timeout(TIMEOUT_S), await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        while (await (await conn.execute(question, args)).fetchone()) != (True,):
            await conn.execute("notify tenure_work")
            await asyncio.sleep(POLL_S)
