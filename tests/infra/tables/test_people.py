"""Names of version 0.1: two users of one name become one where one of them has never done anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from application.access import Cause
from application.ports.people import LOCAL, OLD_LOCAL, Identity
from domain.user import User
from tests.contracts.chrote.people import browser, sign_in
from tests.support.server import Served, served


async def of_0_1(tenure: Served, name: str, role: str = "operator") -> Any:
    """A member who has signed in by a name as in version 0.1."""
    deps = tenure.tenure.deps
    id = await deps.http.profiles.save(Identity(OLD_LOCAL, name, name, f"{name}@localhost"))
    user = User(id=id, at=deps.native.clock(), role=role, invite_id=None)
    await deps.http.platform.commit(Cause(id), user)
    return id


async def user_of(tenure: Served, name: str) -> Any:
    return await tenure.tenure.deps.http.people.find(LOCAL, name)


@pytest.mark.fault("F5")
async def test_names_of_0_1_become_one_user_and_lose_nothing(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path) as tenure:
        people = tenure.tenure.deps.http.people
        only_signed_in, has_read, has_both = [await of_0_1(tenure, name) for name in ("ann", "bob", "carl")]
        await people.identify(LOCAL, "bob")
        dora = await people.identify(LOCAL, "dora")
        async with tenure.client("carl") as carl:
            assert (await carl.post("/api/v1/workspaces", json={"name": "lab"})).status_code == 200
            await carl.get("/api/v1/workspaces")
        carl_by_header = await user_of(tenure, "carl")
    for _ in range(2):  # each start looks again
        async with served(database, tmp_path) as tenure:
            assert await user_of(tenure, "ann") == only_signed_in
            assert await user_of(tenure, "bob") == has_read
            assert await user_of(tenure, "dora") == dora
            assert await user_of(tenure, "carl") == carl_by_header != has_both
            async with browser(tenure) as client:
                await sign_in(client, "carl")
                assert (await client.get("/auth/me")).json()["id"] == f"user_{has_both.hex}", "the member that it was"


@pytest.mark.fault("F18")
async def test_a_decomposed_name_of_0_1_stays_the_same_person(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path) as tenure:
        zoe = await tenure.tenure.deps.http.people.identify(LOCAL, "Zoe\u0301  B")
    async with served(database, tmp_path) as tenure:
        assert await user_of(tenure, "Zo\u00e9 B") == zoe


async def test_a_proxys_name_never_becomes_a_user_who_named_themselves(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path) as tenure:
        eve = await of_0_1(tenure, "boss")
    async with served(database, tmp_path, public_url="https://lab.example.org") as tenure:
        assert await tenure.tenure.deps.http.people.identify(LOCAL, "boss") != eve
