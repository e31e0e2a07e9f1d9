"""Members and their roles: who may change them, and that a change takes effect immediately."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contracts.chrote.people import browser, invited, member, refused
from tests.support.server import Served, eventually


async def me(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/auth/me")
    assert answer.status_code == 200, answer.text
    account: dict[str, Any] = answer.json()
    return account


async def change(client: httpx.AsyncClient, id: str, role: str) -> httpx.Response:
    return await client.patch(f"/api/users/{id}/role", json={"role": role})


@pytest.mark.line("C23", "C64")
async def test_admins_see_everybody(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Anna", await invited(olga, "admin")) as anna:
        for asker in (olga, anna):
            users = (await asker.get("/api/users")).json()["users"]
            assert [(one["name"], one["role"]) for one in users] == [("Olga", "owner"), ("Anna", "admin")]
            assert {"id", "name", "email", "role", "createdAt"} <= set(users[0])
            assert {"avatar_url", "created_at", "last_seen_at"} <= set(users[0])
            assert users[0]["id"] == (await me(olga))["id"]
            assert users[0]["id"].startswith("user_") and users[0]["createdAt"].endswith("Z")


@pytest.mark.line("C23", "C24", "C26", "C27", "C29", "C30", "C63")
async def test_managing_is_for_admins_and_the_owner(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga:
        id = (await me(olga))["id"]
        for role in ("viewer", "operator"):
            async with member(tenure, role, await invited(olga, role)) as other:
                for request in (
                    other.get("/api/users"),
                    change(other, id, "viewer"),
                    other.delete(f"/api/users/{id}"),
                    other.get("/api/invites"),
                    other.post("/api/invites"),
                    other.delete("/api/invites/inv_00000000000000000000000000000000"),
                ):
                    refused(await request, 403, "FORBIDDEN", "admin")


@pytest.mark.line("C24", "C63")
async def test_a_role_is_changed_and_counts_at_once_on_the_same_cookie(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Vera", await invited(olga)) as vera:
        id = (await me(vera))["id"]
        answer = await change(olga, id, "operator")
        assert answer.json() == {"success": True, "user": {"id": id, "name": "Vera", "role": "operator"}}
        assert (await me(vera))["role"] == "operator"
        refused(await vera.get("/api/users"), 403, "FORBIDDEN")
        await change(olga, id, "admin")
        assert (await vera.get("/api/users")).status_code == 200
        await change(olga, id, "viewer")
        refused(await vera.get("/api/users"), 403, "FORBIDDEN")


@pytest.mark.line("C25", "C63")
async def test_admins_do_not_touch_admins_nor_the_owner(tenure: Served) -> None:
    async with (
        member(tenure, "Olga") as olga,
        member(tenure, "Anna", await invited(olga, "admin")) as anna,
        member(tenure, "Alma", await invited(olga, "admin")) as alma,
    ):
        other, owner, own = (await me(alma))["id"], (await me(olga))["id"], (await me(anna))["id"]
        for request in (change(anna, other, "viewer"), anna.delete(f"/api/users/{other}")):
            refused(await request, 403, "FORBIDDEN", "Admins cannot modify other admins")
        for request in (change(anna, owner, "viewer"), anna.delete(f"/api/users/{owner}")):
            refused(await request, 403, "FORBIDDEN")
        for request in (change(anna, own, "viewer"), anna.delete(f"/api/users/{own}"), change(olga, owner, "viewer")):
            refused(await request, 403, "FORBIDDEN")
        refused(await change(olga, other, "owner"), 403, "FORBIDDEN")
        refused(await change(olga, other, "king"), 400, "VALIDATION_ERROR")
        assert (await change(olga, other, "viewer")).status_code == 200


@pytest.mark.line("C26")
async def test_who_is_removed_is_out_at_once_and_forgotten(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Vera", await invited(olga)) as vera:
        id = (await me(vera))["id"]
        answer = await olga.delete(f"/api/users/{id}")
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        refused(await vera.get("/auth/me"), 401, "UNAUTHORIZED", "Authentication required")
        assert [one["name"] for one in (await olga.get("/api/users")).json()["users"]] == ["Olga"]
        refused(await olga.delete(f"/api/users/{id}"), 404, "NOT_FOUND")
        refused(await change(olga, id, "admin"), 404, "NOT_FOUND")

        async def forgotten() -> bool:
            trail = (await olga.get("/api/v1/audit/events", params={"kind": "user"})).json()["events"]
            return bool(trail[-1]["kind"] == "user.forgotten")

        await eventually(forgotten)
        async with tenure.tenure.pool.connection() as conn:
            for table in ("profiles", "identities", "logins"):
                left = await (await conn.execute(f"select {table}::text from {table}")).fetchall()
                assert not any("Vera" in row[0] or id.removeprefix("user_")[:8] in row[0] for row in left), table

        async with browser(tenure) as again:  # comes as somebody new, and needs an invite as such
            answer = await again.get("/auth/dev", params={"name": "Vera"})
            assert answer.headers["location"] == "/?error=invite_required"


@pytest.mark.line("C60", "C62")
@pytest.mark.parametrize("id", ["user_nobody", "nobody", "user_00000000000000000000000000000000", "%00"])
async def test_nobody_is_not_found(tenure: Served, id: str) -> None:
    async with member(tenure, "Olga") as olga:
        refused(await change(olga, id, "viewer"), 404, "NOT_FOUND")
        refused(await olga.delete(f"/api/users/{id}"), 404, "NOT_FOUND")


@pytest.mark.line("C60", "C61", "C62")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"role": 3}', b'{"role": null}'])
async def test_a_body_that_makes_no_sense_is_a_validation_error(tenure: Served, body: bytes) -> None:
    async with member(tenure, "Olga") as olga:
        json = {"content-type": "application/json"}
        id = (await me(olga))["id"]
        refused(await olga.patch(f"/api/users/{id}/role", content=body, headers=json), 400, "VALIDATION_ERROR")


@pytest.mark.line("C03", "C60", "C62")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/me"),
        ("GET", "/api/auth/me"),
        ("GET", "/api/users"),
        ("PATCH", "/api/users/user_1/role"),
        ("DELETE", "/api/users/user_1"),
        ("POST", "/api/invites"),
        ("GET", "/api/invites"),
        ("DELETE", "/api/invites/inv_1"),
        ("POST", "/api/invites/abc/accept"),
    ],
)
@pytest.mark.parametrize("cookie", [None, "wrong"])
async def test_who_has_not_signed_in_is_told_so(tenure: Served, method: str, path: str, cookie: str | None) -> None:
    headers = {"cookie": f"tenure_login={cookie}"} if cookie else {}
    async with tenure.client("ann", **headers) as nobody:  # the headers of vm-api do not count here
        answer = await nobody.request(method, path, json={"role": "viewer"})
        assert answer.status_code == 401
        assert answer.json() == {"error": "UNAUTHORIZED", "message": "Authentication required"}


@pytest.mark.line("C61")
async def test_what_the_framework_refuses_looks_the_same(tenure: Served) -> None:
    async with browser(tenure) as nobody:
        refused(await nobody.get("/api/users/a/b/c"), 404, "NOT_FOUND")
        refused(await nobody.put("/api/users"), 405, "METHOD_NOT_ALLOWED")
        refused(await nobody.get("/auth/nowhere"), 404, "NOT_FOUND")
