"""The owner is on one server and the guest on another, with Redis between them: the same story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.warpdrive.people import (
    APPROVED,
    approve,
    asking,
    denied,
    guests,
    host,
    keyholder,
    reject,
    watching,
)
from tests.support import remote_engine, services
from tests.support.fake_engine import Engine
from tests.support.processes import spawned
from tests.support.server import eventually


@pytest.fixture
def redis() -> Iterator[services.Redis]:
    with services.redis() as redis:
        yield redis


async def test_an_owner_and_a_guest_on_two_servers(database: str, tmp_path: Path, redis: services.Redis) -> None:
    engine = Engine()
    await redis.answers()
    async with (
        remote_engine.lent(engine, tmp_path / "engine") as socket,
        spawned(database, tmp_path / "a", engine=socket, redis_url=redis.url) as a,
        spawned(database, tmp_path / "b", engine=socket, redis_url=redis.url) as b,
        keyholder(a, "anna") as anna,
        keyholder(b, "ben") as ben,
    ):
        session = await host(anna)
        async with watching(anna, session) as owner:
            async with asking(ben, session) as guest:
                assert (await reject(anna, session, await owner.next("join_requested"))).status_code == 200
                assert await guest.next("join_request_outcome") == denied("owner_denied_join")
            async with asking(ben, session) as guest:
                request = await owner.next("join_requested")
                assert (await approve(anna, session, request)).status_code == 200
                assert await guest.next("join_request_outcome") == APPROVED
            (inside,) = engine.guests.values()
            assert [admission.user for admission in inside.values()] == ["bob"]
            await anna.delete(f"/sessions/{session['session_id']}/guests/{request['subject_uuid']}")

            async def is_out() -> bool:
                return await guests(anna, session) == []

            await eventually(is_out)
            async with asking(ben, session):
                await owner.next("join_requested")
            await eventually(is_out)  # he has hung up, over there
