"""A role that is taken away counts from the answer on: on every open socket, on every server, and for claims."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed

from application.access import Cause
from tests.contracts.chrote.terminals import Place, opened, socket
from tests.support.server import served
from tests.support.tmux import Tmux

ROUNDS = 10
ROUND_KEYS = 5
pytestmark = pytest.mark.line("C24")


async def change_role(place: Place, user: str, role: str) -> None:
    answer = await place.adam.patch(f"/api/users/{place.ids[user]}/role", json={"role": role})
    assert answer.status_code == 200, answer.text


async def claim_of(place: Place, session: str = "main") -> Any:
    return next(row for row in await place.listed() if row["id"] == session)["claim"]


@pytest.mark.fault("F50")
async def test_no_key_is_typed_after_a_role_was_taken_away(database: str, tmp_path: Path, tmux: Tmux) -> None:
    """Also on a server that has not changed the role: it reads the log for each message."""
    async with (
        opened(database, tmp_path / "first", tmux) as place,
        served(database, tmp_path / "second", tmux_socket=tmux.socket, role="api") as second,
    ):
        await place.session()
        for url in (place.tenure.url, second.url):
            async with socket(url, place.people["otto"]) as otto:
                await otto.until("sessions")
                for nth in range(ROUNDS):
                    await change_role(place, "otto", "viewer")
                    for _ in range(ROUND_KEYS):
                        await otto.say("sendKeys", sessionId="main", keys=f"refused-{nth}")
                    for _ in range(ROUND_KEYS):
                        assert "Viewers" in await otto.error("FORBIDDEN")
                    await change_role(place, "otto", "operator")
                await otto.say("sendKeys", sessionId="main", keys="echo typed\n")
                await otto.say("subscribe", sessionId="main")
                await otto.until_shown("typed")
        assert "refused" not in tmux.screen()


@pytest.mark.fault("F50", "F11")
async def test_no_key_is_typed_after_a_member_was_removed_or_has_logged_out(place: Place, tmux: Tmux) -> None:
    await place.session()
    async with place.socket("otto") as otto, place.socket("oskar") as oskar:
        await otto.until("sessions")
        await oskar.until("sessions")
        assert (await place.adam.delete(f"/api/users/{place.ids['otto']}")).status_code == 200
        assert (await place.oskar.post("/auth/logout")).status_code == 200
        for connection in (otto, oskar):
            with suppress(ConnectionClosed):
                await connection.say("sendKeys", sessionId="main", keys="refused")
            assert await connection.closed() == 4001
    assert "refused" not in tmux.screen()


@pytest.mark.fault("F49")
@pytest.mark.parametrize("end", ["removed", "demoted"])
async def test_a_claim_ends_with_the_permission_in_the_same_commit(place: Place, end: str) -> None:
    await place.session()
    async with place.socket("vera") as vera:
        assert (await place.otto.post("/api/sessions/main/claim")).status_code == 200
        await vera.until("claimed", sessionId="main")
        if end == "removed":
            assert (await place.adam.delete(f"/api/users/{place.ids['otto']}")).status_code == 200
        else:
            await change_role(place, "otto", "viewer")
        assert await claim_of(place) is None
        await vera.until("released", sessionId="main")
        assert (await place.oskar.post("/api/sessions/main/claim")).status_code == 200
    sql = "select kind, position from trail where kind in ('claim.released', 'user.removed', 'user.role_changed')"
    async with place.tenure.tenure.pool.connection() as conn:
        rows = dict(await (await conn.execute(f"{sql} order by position")).fetchall())
    cause = "user.removed" if end == "removed" else "user.role_changed"
    assert rows["claim.released"] == rows[cause] + 1, "one commit has both"


@pytest.mark.fault("F49")
async def test_a_claim_that_the_new_role_allows_stays(place: Place) -> None:
    await place.session()
    assert (await place.otto.post("/api/sessions/main/claim")).status_code == 200
    olga, id = place.people["olga"], place.ids["otto"]
    for role in ("admin", "operator"):
        assert (await olga.patch(f"/api/users/{id}/role", json={"role": role})).status_code == 200
        assert (await claim_of(place))["userId"] == place.ids["otto"]


@pytest.mark.fault("F49")
async def test_who_asked_for_a_claim_and_may_not_hold_it_any_more_gets_none(place: Place) -> None:
    await place.session()
    assert (await place.otto.post("/api/sessions/main/claim")).status_code == 200
    assert (await place.oskar.post("/api/sessions/main/claim/handover")).status_code == 200
    await change_role(place, "oskar", "viewer")
    answer = await place.otto.post("/api/sessions/main/claim/handover", json={"userId": place.ids["oskar"]})
    assert answer.status_code == 404, answer.text
    assert (await claim_of(place))["userId"] == place.ids["otto"]


@pytest.mark.fault("F49")
async def test_of_a_claim_and_a_demotion_at_once_no_claim_of_a_viewer_is_left(place: Place) -> None:
    await place.session()
    for _ in range(ROUNDS):
        await asyncio.gather(place.otto.post("/api/sessions/main/claim"), change_role(place, "otto", "viewer"))
        assert await claim_of(place) is None
        await change_role(place, "otto", "operator")


@pytest.mark.fault("F49")
async def test_a_former_owner_who_is_a_viewer_now_holds_no_claim(place: Place) -> None:
    await place.session()
    assert (await place.people["olga"].post("/api/sessions/main/claim")).status_code == 200
    ownership = place.tenure.tenure.deps.http.logins.ownership
    await ownership.give(UUID(place.ids["adam"].removeprefix("user_")), Cause())
    assert await claim_of(place) is None
