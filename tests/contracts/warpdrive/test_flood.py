"""Many guests ask at once: each gets an answer or a Retry-After, and the owner's stream stays in order."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from application.ports.api_keys import Grant
from domain.scope import Scope
from tests.contracts.warpdrive.people import guests, host, keyholder, watching
from tests.support.server import Served, eventually, served

MANY, MOST = 1000, 32
MEGABYTES = 64  # that a thousand connections may cost


async def bearer(tenure: Served, nth: int) -> str:
    """Create a new account and return its token."""
    grant = Grant(uuid4(), uuid4(), f"guest {nth}", frozenset({Scope.FULL}), None)
    token, _ = await tenure.tenure.deps.http.tokens.issue(grant)
    return token


def memory() -> int:
    """The resident memory of this process, in bytes."""
    rss_bytes: int = psutil.Process().memory_info().rss
    return rss_bytes


async def in_order(tenure: Served) -> list[str]:
    """The ids of all who asked to join, in the order of the event log."""
    sql = "select facts ->> 'joiner_id' from trail where kind = 'guest.asked' order by position"
    async with tenure.tenure.pool.connection() as conn:
        return [row[0] for row in await (await conn.execute(sql)).fetchall()]


@pytest.mark.timeout(180)
async def test_a_thousand_ask_at_once(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, join_waiting=MOST) as tenure, keyholder(tenure, "anna") as anna:
        session = await host(anna)
        tokens = [await bearer(tenure, nth) for nth in range(MANY)]
        command = ("-m", "tests.contracts.warpdrive.crowd", tenure.url, session["alias"])
        async with watching(anna, session) as owner:
            before = memory()
            crowd = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdin=PIPE, stdout=PIPE, limit=1 << 20
            )
            assert crowd.stdin and crowd.stdout
            crowd.stdin.write(" ".join(tokens).encode() + b"\n")
            answers = json.loads(await crowd.stdout.readline())
            assert Counter(status for status, _ in answers) == {200: MOST, 429: MANY - MOST}
            assert all(wait > 0 for status, wait in answers if status == 429)
            assert memory() - before < MEGABYTES << 20
            subjects = [(await owner.next("join_requested"))["subject_uuid"] for _ in range(MOST)]
            assert subjects == await in_order(tenure)
            crowd.kill()  # they hang up
            await crowd.wait()

            async def nobody_waits() -> bool:
                return await guests(anna, session) == []

            await eventually(nobody_waits, 60)
