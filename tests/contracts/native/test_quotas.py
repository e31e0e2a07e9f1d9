"""/api/v1/me and /api/v1/quotas: what users hold, and how much they may."""

from __future__ import annotations

import httpx
import pytest

from tests.contracts.chrote.people import member
from tests.support.server import Served

ME, QUOTAS, WORKSPACES = "/api/v1/me", "/api/v1/quotas", "/api/v1/workspaces"


async def create(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await client.post(WORKSPACES, json={"name": "lab"}, headers=headers)


@pytest.mark.fault("F24")
async def test_a_quota_is_set_shown_to_its_holder_and_kept_to(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, tenure.client("alice") as alice:
        # given
        me = (await alice.get(ME)).json()
        assert (me["name"], me["role"], me["quotas"]["workspaces"]) == ("alice", None, {"used": 0, "limit": 20})
        answer = await olga.put(f"{QUOTAS}/users/{me['id']}", json={"workspaces": 2})
        assert answer.json()["users"] == [{"user_id": me["id"], "quotas": {"workspaces": 2}}]
        # when
        first = (await create(alice)).json()
        assert (await create(alice, **{"Idempotency-Key": "a"})).status_code == 200
        refused = await create(alice)
        # then
        assert refused.status_code == 409
        assert refused.json()["error"].startswith("your quota of workspaces is 2, you have 2, and this needs one more")
        assert (await create(alice, **{"Idempotency-Key": "a"})).status_code == 200, (
            "a repeated request creates nothing"
        )
        assert (await alice.get(ME)).json()["quotas"]["workspaces"] == {"used": 2, "limit": 2}
        assert (await alice.delete(f"{WORKSPACES}/{first['id']}")).status_code < 300
        assert (await create(alice)).status_code == 200


@pytest.mark.fault("F24")
async def test_only_administrators_see_and_set_the_quotas_of_others(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, tenure.client("alice") as alice:
        id = (await alice.get(ME)).json()["id"]
        for answer in (
            await alice.get(QUOTAS),
            await alice.put(f"{QUOTAS}/users/{id}", json={"keys": 1000}),
            await alice.put(f"{QUOTAS}/roles/none", json={"keys": 1000}),
        ):
            assert answer.status_code == 403
        answer = await olga.put(f"{QUOTAS}/roles/none", json={"keys": 1})
        assert answer.json()["roles"]["none"]["keys"] == 1
        assert (await olga.put(f"{QUOTAS}/roles/none", json={"keys": None})).json()["roles"]["none"]["keys"] == 50
        assert (await olga.get(ME)).json()["role"] == "owner"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("users/7", {"keys": 1}, 404),
        ("roles/king", {"keys": 1}, 400),
        ("roles/none", {"ponies": 1}, 400),
        ("roles/none", {"keys": -1}, 400),
        ("roles/none", {"keys": "many"}, 400),
    ],
)
async def test_what_is_no_quota(tenure: Served, path: str, body: dict[str, object], status: int) -> None:
    async with member(tenure, "Olga") as olga:
        assert (await olga.put(f"{QUOTAS}/{path}", json=body)).status_code == status
