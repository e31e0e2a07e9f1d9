"""Logins while too many passwords are being hashed: each contract says so in its own form, and when to come back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Event

import pytest

from infra.tables.hashing import MAX_WAITING, THREADS
from tests.support.server import Served, served

LOGINS = {
    "clarateach": ("/api/auth/login", {"email": "ada@example.org", "password": "correct horse"}),
    "neptuned": ("/api/v0/login", {"username": "ada", "password": "correct horse"}),
}
REGISTRATIONS = {
    "clarateach": ("/api/auth/register", {"email": "eve@example.org", "password": "correct horse", "name": "Eve"}),
    "neptuned": ("/api/v0/register", {"username": "eve", "password": "correct horse"}),
}


async def flood(tenure: Served, may_end: Event) -> list[asyncio.Task[bool]]:
    """Hashes from many addresses, which run and wait until they may end."""
    hashing = tenure.tenure.hashing
    hashing.max_wait_s = 600.0  # on a slow machine this test takes longer than anybody waits
    hashes = [
        asyncio.create_task(hashing.run(f"address {n}", may_end.wait, 60.0)) for n in range(THREADS + MAX_WAITING)
    ]
    await asyncio.sleep(0)
    assert hashing.waiting == MAX_WAITING
    return hashes


@pytest.mark.fault("F15")
async def test_a_login_is_not_kept_waiting_and_is_told_when_to_come_back(database: str, tmp_path: Path) -> None:
    may_end = Event()
    async with served(database, tmp_path) as tenure, tenure.client(None) as client:
        # given
        hashes = await flood(tenure, may_end)
        # when
        for contract in LOGINS:
            for path, body in (LOGINS[contract], REGISTRATIONS[contract]):
                answer = await client.post(path, json=body)
                # then
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), (contract, answer.text)
                sentence = str(answer.json())
                assert "too many are signing in just now" in sentence, sentence
        may_end.set()
        await asyncio.gather(*hashes)
        path, body = LOGINS["neptuned"]
        assert (await client.post(path, json=body)).status_code == 401, "the queue is free again"
