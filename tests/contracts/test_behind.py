"""Lists that are behind the log for longer than a read may wait: every contract says so, and denies nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from projections.query import BEHIND_MESSAGE
from tests.contracts.asking import WORKSPACES, create, fine
from tests.contracts.test_credentials import EVERYWHERE, Place, place
from tests.support.api_keys import new_key, program
from tests.support.server import served

__all__ = ["place"]
LISTS = EVERYWHERE | {"neptuned": "/api/v0/admin/vms/list"}
BODIES: dict[str, dict[str, Any]] = {
    "vm-api": {"error": BEHIND_MESSAGE},
    "native": {"error": BEHIND_MESSAGE},
    "chrote": {"error": "UNAVAILABLE", "message": BEHIND_MESSAGE, "details": {}},
    "warpdrive": {"error": BEHIND_MESSAGE, "code": "unavailable"},
    "clarateach": {"error": {"code": "UNAVAILABLE", "message": BEHIND_MESSAGE}},
    "neptuned": {"error": BEHIND_MESSAGE},
}


@asynccontextmanager
async def unfollowed(database: str) -> AsyncIterator[None]:
    """Nothing is folded until the block is left."""
    async with await psycopg.AsyncConnection.connect(database) as conn:
        await conn.execute("select from follower for update")
        yield


def behind(answer: httpx.Response, body: dict[str, Any]) -> None:
    """Check that the answer is 503 in the contract's form, with a time to come back."""
    assert (answer.status_code, answer.json()) == (503, body)
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.fault("F40")
async def test_what_was_acknowledged_is_not_denied_where_nobody_follows(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, role="api") as tenure, tenure.client() as alice:
        id = (await create(alice))["id"]
        behind(await alice.get(f"{WORKSPACES}/{id}"), BODIES["vm-api"])
        behind(await alice.get(WORKSPACES), BODIES["vm-api"])


@pytest.mark.fault("F40")
async def test_every_contract_says_that_its_lists_are_behind(place: Place, database: str) -> None:
    key = (await new_key(place.olga))["key"]
    async with program(place.tenure, **{"X-API-Key": key}) as olga:
        await create(olga)
        async with unfollowed(database):
            fine(await olga.post(WORKSPACES, json={"name": "unfollowed"}))
            for contract, path in LISTS.items():
                behind(await olga.get(path), BODIES[contract])
        assert len(fine(await olga.get(WORKSPACES))) == 2
