"""Measures a right login while somebody else sends wrong ones, 120 a second from the same address."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from benchmarks.environment import Environment
from benchmarks.rows import Figure, Row, quantile

WRONG_PER_S = 120
MAX_WAIT_MS = 1000
LOGIN = "/api/v0/login"
ADA = {"username": "ada", "password": "correct horse"}


async def run(env: Environment) -> list[Row]:
    count = 5 if env.quick else 30
    limits = httpx.Limits(max_connections=None)
    with env.database() as database:
        async with (
            env.tenure(database) as server,
            httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client,
        ):
            (await client.post("/api/v0/register", json=ADA)).raise_for_status()
            alone, _ = await log_in(client, count)
            rows = []
            for title, names in (("at the same name", 1), ("each at another name", 1_000_000)):
                async with flood(client, names) as wrong:
                    waits, refusals = await log_in(client, count)
                rows.append(row(title, waits, refusals, alone, wrong))
    return rows


@asynccontextmanager
async def flood(client: httpx.AsyncClient, names: int) -> AsyncIterator[Counter[int]]:
    """Send wrong logins at this many names during the block; counts the statuses of their answers."""
    statuses: Counter[int] = Counter()

    async def guess(nth: int) -> None:
        name = "ada" if names == 1 else f"eve{nth % names}"
        response = await client.post(LOGIN, json={"username": name, "password": f"wrong horse {nth}"})
        statuses[response.status_code] += 1

    async def guess_on() -> None:
        async with asyncio.TaskGroup() as guesses:
            began, nth = time.perf_counter(), 0
            while True:
                guesses.create_task(guess(nth))
                nth += 1
                await asyncio.sleep(max(0.0, began + nth / WRONG_PER_S - time.perf_counter()))

    flooding = asyncio.create_task(guess_on())
    try:
        yield statuses
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)


async def log_in(client: httpx.AsyncClient, count: int) -> tuple[list[float], list[httpx.Response]]:
    """The milliseconds of right logins, one after another, and the answers that refused one."""
    waits, refusals = [], []
    for _ in range(count):
        began = time.perf_counter()
        response = await client.post(LOGIN, json=ADA)
        waits.append((time.perf_counter() - began) * 1000)
        if response.status_code != 200:
            refusals.append(response)
        await asyncio.sleep(0.1)
    return waits, refusals


def row(title: str, waits: list[float], refusals: list[httpx.Response], alone: list[float], wrong: Counter[int]) -> Row:
    """The slowest right login beside the slowest one without a flood."""
    says_when = all(answer.status_code == 503 and "retry-after" in answer.headers for answer in refusals)
    return Row(
        "logins",
        f"a right login during {WRONG_PER_S} wrong ones a second, {title}",
        Figure(max(waits), "ms"),
        Figure(max(alone), "ms"),
        "alone",
        must=f"< {MAX_WAIT_MS} ms, or 503 with Retry-After",
        ok=max(waits) < MAX_WAIT_MS and says_when,
        note=f"{len(waits)} logins, median {quantile(waits, 0.5):.0f} ms, {len(refusals)} refused; wrong ones: "
        + ", ".join(f"{count} × {status}" for status, count in sorted(wrong.items())),
    )
