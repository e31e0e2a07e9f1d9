"""/ws: many sessions over one socket."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.contracts.chrote.terminals import Place, opened
from tests.support.tmux import Tmux


@pytest.mark.line("C36")
async def test_it_needs_a_cookie(place: Place) -> None:
    async with place.socket(None) as nobody:
        assert await nobody.closed() == 4001
    async with place.socket("vera") as vera:
        message = await vera.next()
        assert message == {"type": "connected", "userId": place.ids["vera"], "role": "viewer"}
        assert await vera.next() == {"type": "sessions", "sessions": []}


@pytest.mark.line("C36", "C49")
@pytest.mark.parametrize("path", ["/ws", "/ws/terminal/main"])
async def test_pages_of_others_are_refused_in_the_handshake(place: Place, path: str) -> None:
    for user in ("olga", None):
        with pytest.raises(InvalidStatus) as no:
            async with place.socket(user, path, Origin="https://evil.example"):
                pass
        assert no.value.response.status_code == 403
    async with place.socket("olga", "/ws", Origin=place.tenure.url) as olga:
        await olga.until("connected")


@pytest.mark.line("C37", "C43", "C45", "C44")
async def test_who_subscribes_gets_the_screen_the_claim_and_who_is_there(place: Place) -> None:
    await place.session("main", "sh", "-c", "echo hello; cat")
    await place.otto.post("/api/sessions/main/claim")
    async with place.socket("vera") as vera:
        await vera.until("sessions")
        await vera.say("subscribe", sessionId="main")
        output, claimed, presence = [await vera.next() for _ in range(3)]
        if "hello" not in output["data"]:
            await vera.until_shown("hello")
    assert (output["type"], output["sessionId"], output["pane"]) == ("output", "main", "0")
    assert "\x1b[2J\x1b[H" in output["data"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", output["timestamp"])
    assert set(claimed) == {"type", "sessionId", "by", "expiresAt"}
    assert (claimed["type"], claimed["by"]) == ("claimed", {"id": place.ids["otto"], "name": "Otto"})
    assert presence == {
        "type": "presence",
        "sessionId": "main",
        "users": [{"id": place.ids["vera"], "name": "Vera", "avatarUrl": None}],
    }


@pytest.mark.line("C38", "C44")
async def test_presence_comes_and_goes(place: Place) -> None:
    await place.session("main", "cat")

    def names(message: dict[str, Any]) -> list[str]:
        return [user["name"] for user in message["users"]]

    async with place.socket("otto") as otto:
        await otto.say("subscribe", sessionId="main")
        assert names(await otto.until("presence")) == ["Otto"]
        async with place.socket("vera") as vera:
            await vera.say("subscribe", sessionId="main")
            assert names(await otto.until("presence")) == ["Otto", "Vera"]
            await vera.say("unsubscribe", sessionId="main")
            assert names(await otto.until("presence")) == ["Otto"]
            await vera.say("subscribe", sessionId="main")
            assert names(await otto.until("presence")) == ["Otto", "Vera"]
        assert names(await otto.until("presence")) == ["Otto"]  # a socket that closes takes it along


@pytest.mark.line("C38")
async def test_who_unsubscribes_hears_nothing_more(place: Place) -> None:
    await place.session("main", "cat")
    async with place.socket("otto") as otto:
        await otto.say("subscribe", sessionId="main")
        await otto.until("presence")
        await otto.say("unsubscribe", sessionId="main")
        await otto.say("sendKeys", sessionId="main", keys="heard?")
        await otto.say("nonsense")
        messages = [await otto.next()]
        while messages[-1]["type"] != "error":
            messages.append(await otto.next())
        assert "output" not in {message["type"] for message in messages}


@pytest.mark.line("C39", "C48", "C43")
async def test_keys_of_operators_arrive_while_nobody_else_has_it(place: Place) -> None:
    await place.session("main", "cat")
    async with place.socket("otto") as otto, place.socket("oskar") as oskar, place.socket("vera") as vera:
        await vera.say("subscribe", sessionId="main")
        await otto.say("sendKeys", sessionId="main", keys="hé 'x' #{y} $(z)\n")
        await vera.until_shown("hé 'x' #{y} $(z)")
        await vera.say("sendKeys", sessionId="main", keys="x")
        assert await vera.error("FORBIDDEN") == "Viewers cannot send keys"
        await otto.say("claim", sessionId="main")
        await oskar.until("claimed")
        await oskar.say("sendKeys", sessionId="main", keys="no")
        await oskar.error("CLAIM_REQUIRED")
        await otto.say("sendKeys", sessionId="main", keys="mine\r")
        assert "no" not in (await vera.until_shown("mine")).partition("z)")[2]
        await otto.say("sendKeys", sessionId="nothing", keys="x")
        await otto.error("SESSION_NOT_FOUND")
        await otto.say("sendKeys", sessionId="main", keys="x", pane=7)
        await otto.until("error")


@pytest.mark.line("C40", "C41", "C45", "C46")
async def test_claims_are_told_to_everybody(place: Place) -> None:
    await place.session("main")
    async with place.socket("otto") as otto, place.socket("vera") as vera, place.socket("adam") as adam:
        for client in (otto, vera, adam):
            await client.until("sessions")
        await otto.say("claim", sessionId="main")
        for client in (otto, vera, adam):
            message = await client.until("claimed")
            assert (message["sessionId"], message["by"]) == ("main", {"id": place.ids["otto"], "name": "Otto"})
        await vera.say("claim", sessionId="main")
        await vera.error("FORBIDDEN")
        await vera.say("release", sessionId="main")
        await vera.error("FORBIDDEN")
        await otto.say("release", sessionId="main")
        for client in (otto, vera, adam):
            assert await client.until("released") == {"type": "released", "sessionId": "main"}
        await otto.say("release", sessionId="main")
        await otto.error("NOT_FOUND")


@pytest.mark.line("C40", "C46")
async def test_who_loses_it_to_an_admin_is_told_so(place: Place) -> None:
    await place.session("main")
    async with place.socket("otto") as otto, place.socket("oskar") as oskar, place.socket("adam") as adam:
        for client in (otto, oskar, adam):
            await client.until("sessions")
        await otto.say("claim", sessionId="main")
        until = (await otto.until("claimed"))["expiresAt"]
        await oskar.until("claimed")
        await oskar.say("claim", sessionId="main")
        message = await oskar.until("error")
        assert (message["code"], message["details"]["claimedBy"]) == ("ALREADY_CLAIMED", place.ids["otto"])
        assert message["details"]["expiresAt"][:19] == until[:19]
        await adam.say("claim", sessionId="main")
        assert [(await otto.next())["type"] for _ in range(2)] == ["released", "claimed"]
        assert (await oskar.next())["by"]["name"] == "Adam"


@pytest.mark.line("C40", "C41")
async def test_it_is_handed_over_to_who_asks(place: Place) -> None:
    await place.session("main")
    async with place.socket("otto") as otto, place.socket("oskar") as oskar:
        await otto.say("claim", sessionId="main")
        await otto.until("claimed")
        await oskar.say("requestClaim", sessionId="main")
        request = await otto.until("claimRequested")
        assert request["by"] == {"id": place.ids["oskar"], "name": "Oskar"}
        await otto.say("handover", sessionId="main", userId=request["by"]["id"])
        assert (await oskar.until("claimed", by=request["by"]))["sessionId"] == "main"
        await otto.until("released")


@pytest.mark.line("C46")
async def test_that_a_claim_runs_out_is_told(database: str, tmp_path: Path, tmux: Tmux) -> None:
    async with opened(database, tmp_path, tmux, claim_seconds=0.3) as place:
        await place.session("main")
        async with place.socket("vera") as vera:
            await vera.until("sessions")
            await place.otto.post("/api/sessions/main/claim")
            await vera.until("claimed")
            await vera.until("released")


@pytest.mark.line("C47")
async def test_sessions_are_told_as_they_come_change_and_go(place: Place) -> None:
    async with place.socket("vera") as vera:
        await vera.until("sessions")
        await place.session("main", "cat")
        (session,) = (await vera.until("sessions"))["sessions"]
        assert {"id", "name", "windows", "claim"} <= set(session)
        assert (session["id"], session["windows"], session["claim"]) == ("main", 1, None)
        await vera.say("subscribe", sessionId="main")
        await vera.until("presence")
        place.tmux("rename-session", "-t", "main", "dev")
        assert (await vera.until("sessions"))["sessions"][0]["id"] == "dev"
        place.tmux("send-keys", "-t", "dev", "x")
        await vera.until("output", sessionId="dev")
        place.tmux.kill()
        assert await vera.error("SESSION_NOT_FOUND")
        while (await vera.until("sessions"))["sessions"]:
            pass


@pytest.mark.line("C42")
async def test_who_is_silent_is_let_go(database: str, tmp_path: Path, tmux: Tmux) -> None:
    async with (
        opened(database, tmp_path, tmux, heartbeat_seconds=0.4) as place,
        place.socket("vera") as silent,
        place.socket("vera") as alive,
    ):

        async def beat() -> None:
            while True:
                await alive.say("heartbeat")
                await asyncio.sleep(0.1)

        beating = asyncio.create_task(beat())
        assert await silent.closed() == 4000
        await alive.say("nonsense")
        await alive.error("UNKNOWN_TYPE")
        beating.cancel()


@pytest.mark.line("C48", "C58")
@pytest.mark.parametrize("path", ["/ws", "/ws/terminal/main"])
async def test_what_makes_no_sense_is_said_and_the_socket_lives(place: Place, path: str) -> None:
    await place.session("main", "cat")
    await place.otto.post("/api/sessions/main/claim")
    async with place.socket("otto", path) as otto:
        for nonsense in ("", "{", "[]", "null", '"x"', "{}", '{"type": 7}', '{"type": null}', b"\xff\xfe", "9" * 9999):
            await otto.connection.send(nonsense)
            await otto.error("INVALID_MESSAGE")
        await otto.connection.send('{"type": "sendKeys", "sessionId": "main", "keys": "\\ud800"}')
        await otto.error("INVALID_MESSAGE")
        wrong_keys: list[Any] = [None, 7, ["x"], {}]
        for keys in wrong_keys:
            await otto.say("sendKeys", sessionId="main", keys=keys)
            await otto.error("INVALID_MESSAGE")
        wrong_panes: list[Any] = [[], {}, True, 1.5]
        for pane in wrong_panes:
            await otto.say("sendKeys", sessionId="main", keys="x", pane=pane)
            await otto.error("INVALID_MESSAGE")
        for unknown in ("", "Subscribe", "exec", "output"):
            await otto.say(unknown)
            await otto.error("UNKNOWN_TYPE")
        await otto.say("sendKeys", sessionId="main", keys="alive")
        if path == "/ws":
            wrong_ids: list[Any] = [None, 7, [], {}]
            for id in wrong_ids:
                await otto.say("subscribe", sessionId=id)
                await otto.error("INVALID_MESSAGE")
            for name in ("", "nothing", "a\0b", "$0", "x" * 10_000):
                await otto.say("subscribe", sessionId=name)
                await otto.error("SESSION_NOT_FOUND")
            await otto.say("subscribe", sessionId="main")
        await otto.until_shown("alive")


@pytest.mark.line("C63")
async def test_a_role_that_changes_counts_at_once(place: Place) -> None:
    await place.session("main", "cat")
    async with place.socket("vera") as vera:
        await vera.say("subscribe", sessionId="main")
        await vera.until("presence")
        await vera.say("sendKeys", sessionId="main", keys="x")
        await vera.error("FORBIDDEN")
        role = f"/api/users/{place.ids['vera']}/role"
        assert (await place.olga.patch(role, json={"role": "operator"})).status_code == 200

        async def typed() -> None:
            while True:
                await vera.say("sendKeys", sessionId="main", keys="y")
                if (await vera.next())["type"] == "output":
                    return

        await asyncio.wait_for(typed(), 20)
        assert (await place.olga.delete(f"/api/users/{place.ids['vera']}")).status_code == 200
        assert await vera.closed() == 4001


@pytest.mark.line("C59")
async def test_it_is_told_that_the_server_shuts_down(place: Place) -> None:
    await place.session("main", "cat")
    async with place.socket("vera") as vera, place.socket("vera", "/ws/terminal/main") as terminal:
        await vera.until("sessions")
        await terminal.until("output")
        place.tenure.tenure.hub.close()
        assert await vera.closed() == 1001
        assert await terminal.closed() == 1001


@pytest.mark.line("C43")
async def test_whole_screens_for_who_wants_them(place: Place) -> None:
    await place.session("main", "cat")
    async with place.socket("otto") as otto:
        await otto.say("subscribe", sessionId="main", mode="screen")
        assert (await otto.until("output"))["data"].strip() == ""
        await otto.say("sendKeys", sessionId="main", keys="one\n")
        while (message := await otto.until("output"))["data"].split() != ["one", "one"]:
            pass
        assert message["data"] == place.tmux.screen().removesuffix("\n")
        await otto.say("subscribe", sessionId="main", mode="upside down")
        await otto.error("INVALID_MESSAGE")


@pytest.mark.fault("F64")
async def test_a_claim_covers_the_sessions_of_a_tmux_group(place: Place) -> None:
    # given
    await place.session("one", "cat")
    place.tmux("new-session", "-d", "-t", "one", "-s", "two")
    await place.until_listed("one", "two")
    async with place.socket("oskar") as oskar, place.socket("oskar", "/ws/terminal/two") as terminal:
        for name in ("one", "two"):
            await oskar.say("subscribe", sessionId=name)
            await oskar.until("presence", sessionId=name)
        # when
        assert (await place.otto.post("/api/sessions/two/claim")).status_code == 200
        # then
        assert {(await oskar.until("claimed"))["sessionId"] for _ in range(2)} == {"one", "two"}
        for name in ("one", "two"):
            await oskar.say("sendKeys", sessionId=name, keys="x")
            await oskar.error("CLAIM_REQUIRED")
            assert (await place.oskar.post(f"/api/sessions/{name}/claim")).status_code == 403
        await terminal.say("sendKeys", keys="x")
        await terminal.error("NOT_CLAIMED")
        holders = [session["claim"]["userId"] for session in await place.listed()]
        assert holders == [place.ids["otto"]] * 2
        # when
        place.tmux("kill-session", "-t", "one")
        await place.until_gone("one")
        place.tmux("new-session", "-d", "-t", "two", "-s", "three")
        await place.until_listed("three")
        # then
        assert (await place.oskar.post("/api/sessions/three/claim")).status_code == 403
        assert (await place.otto.delete("/api/sessions/three/claim")).status_code == 200
        assert {(await oskar.until("released"))["sessionId"] for _ in range(2)} == {"two", "three"}
