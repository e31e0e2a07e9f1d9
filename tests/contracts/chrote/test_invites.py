"""Invites: created, listed, checked, accepted, revoked and expired."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contracts.chrote.people import browser, invited, member, refused, sign_in
from tests.contracts.chrote.test_users import me
from tests.support.server import Served, eventually, served


async def create(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/invites", json=body)
    assert answer.status_code == 201, answer.text
    invite: dict[str, Any] = answer.json()
    return invite


async def listed(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    invites: list[dict[str, Any]] = (await client.get("/api/invites")).json()["invites"]
    return invites


async def validity(client: httpx.AsyncClient, token: str) -> Any:
    answer = await client.get(f"/api/invites/{token}/validate")
    assert answer.status_code == 200
    return answer.json()


def lasts(invite: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(invite["expiresAt"]) - datetime.fromisoformat(invite["created_at"])


@pytest.mark.line("C27", "C28", "C60")
async def test_an_invite_is_for_a_viewer_and_a_week_unless_it_says_more(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga:
        empty = await olga.post("/api/invites", content=b"", headers={"content-type": "application/json"})
        assert empty.status_code == 201
        invite = empty.json()
        assert (invite["role"], invite["usedCount"], lasts(invite)) == ("viewer", 0, timedelta(days=7))
        assert invite["id"].startswith("inv_")
        assert re.fullmatch(r"[A-Za-z0-9_-]{16}", invite["token"])
        assert invite["url"] == f"{tenure.url}/invite/{invite['token']}"

        other = await create(olga, role="operator", expiresIn=60)
        assert (other["role"], lasts(other)) == ("operator", timedelta(minutes=1))
        assert lasts(await create(olga, expires_in_days=365)) == timedelta(days=365)


@pytest.mark.line("C27", "C62")
@pytest.mark.parametrize(
    "body",
    [
        {"role": "king"},
        {"role": "owner"},
        {"role": None},
        {"expiresIn": 0},
        {"expiresIn": -1},
        {"expiresIn": 365 * 86_400 + 1},
        {"expiresIn": 10**30},
        {"expiresIn": "60"},
        {"expiresIn": True},
        {"expires_in_days": 366},
        {"expires_in_days": 0},
        {"max_uses": 0},
        {"max_uses": 10**30},
    ],
)
async def test_what_makes_no_sense_is_refused(tenure: Served, body: dict[str, Any]) -> None:
    async with member(tenure, "Olga") as olga:
        refused(await olga.post("/api/invites", json=body), 400, "VALIDATION_ERROR")
        assert await listed(olga) == []


@pytest.mark.line("C27", "C63")
async def test_only_the_owner_invites_admins(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Anna", await invited(olga, "admin")) as anna:
        assert (await me(anna))["role"] == "admin"
        refused(await anna.post("/api/invites", json={"role": "admin"}), 403, "FORBIDDEN", "owner")
        assert (await create(anna, role="operator"))["role"] == "operator"


@pytest.mark.line("C29", "C64")
async def test_the_list_shows_all_but_the_token(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga:
        first, second = await create(olga, max_uses=2), await create(olga, role="operator")
        newest, oldest = await listed(olga)
        assert (newest["id"], oldest["id"]) == (second["id"], first["id"])
        assert oldest == {
            "id": first["id"],
            "role": "viewer",
            "createdBy": (await me(olga))["id"],
            "createdByName": "Olga",
            "note": None,
            "createdAt": first["createdAt"],
            "expiresAt": first["expiresAt"],
            "usedCount": 0,
            "maxUses": 2,
            "revoked": False,
            "created_by": (await me(olga))["id"],
            "created_at": first["createdAt"],
            "expires_at": first["expiresAt"],
            "uses": 0,
            "max_uses": 2,
            "is_active": True,
        }
        assert first["token"] not in (await olga.get("/api/invites")).text


@pytest.mark.fault("F76")
async def test_an_invite_keeps_its_note_and_its_creators_name(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Anna", await invited(olga, "admin")) as anna:
        invite = await create(anna, note=" for  the\u3000night shift ")
        assert (invite["note"], invite["createdByName"]) == ("for the night shift", "Anna")
        newest, _ = await listed(olga)
        assert (newest["note"], newest["createdByName"]) == ("for the night shift", "Anna")
        refused(await anna.post("/api/invites", json={"note": "a\nb"}), 400, "VALIDATION_ERROR", "note")
        await olga.delete(f"/api/users/{(await me(anna))['id']}")
        newest, _ = await listed(olga)
        assert (newest["note"], newest["createdByName"]) == (None, None), "what names people goes with them"
    async with tenure.tenure.pool.connection() as conn:
        events = await (await conn.execute("select encode(state, 'escape') from tenure_events")).fetchall()
    assert "night shift" not in str(events)


@pytest.mark.line("C30", "C32", "C34")
async def test_a_revoked_invite_lets_nobody_in(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, browser(tenure) as nobody:
        invite = await create(olga)
        for _ in range(2):  # the second time it is so already
            answer = await olga.delete(f"/api/invites/{invite['id']}")
            assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert await validity(nobody, invite["token"]) == {"valid": False, "reason": "revoked"}
        assert (await sign_in(nobody, "Vera", invite["token"])).headers["location"] == "/?error=invalid_invite"
        refused(await olga.post(f"/api/invites/{invite['token']}/accept"), 400, "INVALID_TOKEN")
        (row,) = await listed(olga)
        assert (row["revoked"], row["is_active"]) == (True, False)
        refused(await olga.delete("/api/invites/inv_00000000000000000000000000000000"), 404, "NOT_FOUND")


@pytest.mark.line("C31", "C32")
async def test_anybody_may_ask_whether_a_token_is_good(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, browser(tenure) as nobody:
        token = await invited(olga, "operator")
        assert await validity(nobody, token) == {"valid": True, "role": "operator"}
        assert await validity(nobody, "AbCdEfGh12345678") == {"valid": False, "reason": "not_found"}
        assert (await nobody.get(f"/invite/{token}")).headers["location"] == f"/?invite={token}"


@pytest.mark.line("C32", "C34")
async def test_an_invite_that_is_used_up_says_so(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, browser(tenure) as late:
        token = await invited(olga, max_uses=1)
        async with member(tenure, "Vera", token):
            assert await validity(late, token) == {"valid": False, "reason": "exhausted"}
            assert (await sign_in(late, "Lara", token)).headers["location"] == "/?error=invite_exhausted"
        async with tenure.tenure.pool.connection() as conn:
            assert await (await conn.execute("select from profiles where name = 'Lara'")).fetchone() is None


@pytest.mark.line("C32")
async def test_an_invite_ends_by_itself_and_the_trail_says_so(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, browser(tenure) as late:
        token = await invited(olga, expiresIn=1)

        async def expired() -> Any:
            trail = (await olga.get("/api/v1/audit/events", params={"kind": "invite.expired"})).json()["events"]
            return trail

        (event,) = await eventually(expired)
        assert event["by"] is None and event["caused_by"] is not None
        assert await validity(late, token) == {"valid": False, "reason": "expired"}
        assert (await sign_in(late, "Lara", token)).headers["location"] == "/?error=invite_expired"
        assert (await listed(olga))[0]["is_active"] is False


@pytest.mark.line("C33", "C35")
async def test_accepting_raises_a_role_and_counts_once(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Vera", await invited(olga)) as vera:
        token = await invited(olga, "operator")
        for _ in range(2):
            answer = await vera.post(f"/api/invites/{token}/accept")
            assert (answer.status_code, answer.json()) == (200, {"success": True, "role": "operator"})
        assert (await me(vera))["role"] == "operator"
        assert (await listed(olga))[0]["usedCount"] == (await listed(olga))[0]["uses"] == 1

        lower = await invited(olga, "viewer")
        assert (await vera.post(f"/api/invites/{lower}/accept")).json()["role"] == "operator"
        assert (await olga.post(f"/api/invites/{lower}/accept")).json()["role"] == "owner"
        assert (await listed(olga))[0]["usedCount"] == 2


@pytest.mark.line("C33")
async def test_an_invite_that_was_accepted_gives_no_role_back_that_was_taken(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga:
        token = await invited(olga, "operator")
        async with member(tenure, "Vera", token) as vera:
            await olga.patch(f"/api/users/{(await me(vera))['id']}/role", json={"role": "viewer"})
            assert (await vera.post(f"/api/invites/{token}/accept")).json()["role"] == "viewer"
            await sign_in(vera, "Vera", token)
            assert (await me(vera))["role"] == "viewer"


@pytest.mark.line("C34", "C62")
async def test_a_token_that_there_is_not_is_invalid(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga:
        refused(await olga.post("/api/invites/AbCdEfGh12345678/accept"), 400, "INVALID_TOKEN")
        refused(await olga.post("/api/invites/%00/accept"), 400, "INVALID_TOKEN")


@pytest.mark.line("C35")
async def test_of_many_who_come_at_once_by_an_invite_for_three_three_come_in(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga:
        token = await invited(olga, max_uses=3)

        async def come(name: str) -> str:
            async with browser(tenure) as client:
                return (await sign_in(client, name, token)).headers["location"]

        locations = await asyncio.gather(*(come(f"n{n}") for n in range(12)))
        assert sorted(locations) == ["/"] * 3 + ["/?error=invite_exhausted"] * 9
        assert (await listed(olga))[0]["usedCount"] == 3
        assert len((await olga.get("/api/users")).json()["users"]) == 4
        async with tenure.tenure.pool.connection() as conn:
            row = await (await conn.execute("select count(*) from profiles")).fetchone()
            assert row == (4,), "who was refused is forgotten"


@pytest.mark.fault("F16")
async def test_guessing_is_limited_and_says_when_to_come_back(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, guesses_per_minute=5) as tenure,
        member(tenure, "Olga") as olga,
        browser(tenure) as guesser,
    ):
        token = await invited(olga)
        for n in range(5):
            assert (await validity(guesser, f"AbCdEfGh1234567{n}"))["reason"] == "not_found"
        answer = await guesser.get("/api/invites/AbCdEfGh12345678/validate")
        refused(answer, 429, "RATE_LIMITED")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        refused(await olga.post("/api/invites/AbCdEfGh12345678/accept"), 429, "RATE_LIMITED")
        elsewhere = {"x-forwarded-for": "203.0.113.7"}  # by a proxy that is trusted
        wrong = await guesser.get("/api/invites/AbCdEfGh12345678/validate", headers=elsewhere)
        assert wrong.json()["reason"] == "not_found"
        assert (await guesser.get(f"/api/invites/{token}/validate")).json()["valid"], "a good one is never refused"
        assert (await olga.post(f"/api/invites/{token}/accept")).json()["success"]
