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

from application.access import Actor
from application.ports.api_keys import Grant
from domain.scope import Scope
from tests.contracts.warpdrive.people import guests, host, keyholder, watching
from tests.support.server import Served, eventually, served

MANY, MOST = 1000, 32
MEGABYTES = 64  # that a thousand connections may cost


async def bearer(tenure: Served, nth: int) -> str:
    """A token of somebody new, made from their key: a change looks the key up."""
    deps, actor = tenure.tenure.deps.http, Actor(uuid4(), f"guest {nth}", "")
    key, _ = await deps.api_keys.create(actor, name="a program")
    grant = Grant(
        key_id=key.id, user_id=actor.user_id, name=actor.name, scopes=frozenset({Scope.FULL}), expires_at=None
    )
    token, _ = await deps.tokens.issue(grant)
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
            others = {sentence for status, _, sentence in answers if status not in (200, 429)}
            assert Counter(status for status, _, _ in answers) == {200: MOST, 429: MANY - MOST}, others
            assert all(wait > 0 for status, wait, _ in answers if status == 429)
            assert memory() - before < MEGABYTES << 20
            subjects = [(await owner.next("join_requested"))["subject_uuid"] for _ in range(MOST)]
            assert subjects == await in_order(tenure)
            crowd.kill()  # they hang up
            await crowd.wait()

            async def nobody_waits() -> bool:
                return await guests(anna, session) == []

            await eventually(nobody_waits, 60)
