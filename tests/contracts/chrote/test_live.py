"""Changes to an account reach its open streams immediately."""

from __future__ import annotations

import pytest

from tests.contracts.chrote.people import invited, member
from tests.contracts.chrote.test_users import me
from tests.support.server import WAIT_TIMEOUT_S, Served, stream, until


@pytest.mark.line("C24", "C63")
async def test_an_open_stream_follows_the_role_of_its_reader(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Vera", await invited(olga)) as vera:
        id = (await me(vera))["id"]
        async with stream(vera) as events:
            await invited(olga)  # which a viewer is not told
            await olga.patch(f"/api/users/{id}/role", json={"role": "admin"})
            promoted = await anext(events)
            assert promoted.event == "user.role_changed"
            token_of = await olga.post("/api/invites")
            assert token_of.status_code == 201
            assert (await anext(events)).event == "invite.created"  # which an admin is told
            await olga.patch(f"/api/users/{id}/role", json={"role": "viewer"})
            assert (await anext(events)).event == "user.role_changed"
            await invited(olga)
            await olga.patch(f"/api/users/{id}/role", json={"role": "operator"})
            assert (await anext(events)).event == "user.role_changed"  # and a viewer again is not


@pytest.mark.line("C26")
async def test_an_open_stream_ends_with_the_account(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Vera", await invited(olga)) as vera:
        id = (await me(vera))["id"]
        async with stream(vera) as events:
            await olga.delete(f"/api/users/{id}")
            kinds = [event.event async for event in events]
            assert set(kinds) <= {"user.removed"}
        assert (await vera.get("/api/v1/events", timeout=WAIT_TIMEOUT_S)).status_code == 401


async def test_admins_are_told_who_came_and_by_which_invite(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, stream(olga) as events:
        invite = (await olga.post("/api/invites", json={"role": "operator"})).json()
        created = await until(events, "invite.created")
        assert (created["facts"]["role"], created["state"]["used_count"]) == ("operator", 0)
        async with member(tenure, "Vera", invite["token"]) as vera:
            joined = await until(events, "user.joined")
            accepted = await until(events, "invite.accepted")
            assert joined["facts"] == {"role": "operator", "invite_id": created["subject"]}
            assert accepted["facts"] == {"user_id": joined["subject"]}
            assert accepted["state"]["used_count"] == 1
            assert (await me(vera))["id"] == f"user_{joined['subject'].replace('-', '')}"
            assert joined["by"] == joined["subject"]
