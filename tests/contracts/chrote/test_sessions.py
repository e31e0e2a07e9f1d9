"""Sessions, claims and captures over HTTP."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.chrote.people import browser, refused
from tests.contracts.chrote.terminals import Place, opened
from tests.support.server import eventually, served
from tests.support.tmux import Tmux

ISO = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


async def claim(place: Place, user: str, session: str = "main") -> dict[str, Any]:
    answer = await place.people[user].post(f"/api/sessions/{session}/claim")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.line("C11", "C12")
async def test_the_list_has_every_session_of_tmux(place: Place) -> None:
    assert await place.listed() == []
    await place.session("main")
    await place.session("dev")
    place.tmux("new-window", "-t", "dev")
    await claim(place, "otto", "dev")

    async def listed() -> Any:
        sessions = (await place.vera.get("/api/sessions")).json()["sessions"]
        return sessions if [session["windows"] for session in sessions] == [2, 1] else None

    dev, main = await eventually(listed)
    assert dev["id"] == dev["name"] == "dev" and main["id"] == main["name"] == "main"
    assert re.fullmatch(ISO, main["created"])
    assert main["attached"] is False and main["claim"] is None
    assert set(dev["claim"]) == {"userId", "userName", "expiresAt"}
    assert (dev["claim"]["userId"], dev["claim"]["userName"]) == (place.ids["otto"], "Otto")
    assert re.fullmatch(ISO, dev["claim"]["expiresAt"])


@pytest.mark.line("C11")
async def test_it_is_attached_when_somebody_looks_at_it_through_tmux(place: Place) -> None:
    await place.session("main")
    command = ["tmux", "-u", "-S", str(place.tmux.socket), "attach", "-t", "main"]
    looking = await asyncio.create_subprocess_exec(
        *("script", "-qc", " ".join(command), "/dev/null"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env={"TERM": "xterm", "PATH": "/usr/local/bin:/usr/bin:/bin"},
    )

    async def attached() -> bool:
        return bool((await place.listed())[0]["attached"])

    await eventually(attached)
    looking.kill()
    await looking.wait()
    place.tmux("detach-client", "-s", "main")

    async def alone() -> bool:
        return not await attached()

    await eventually(alone)


@pytest.mark.line("C13")
async def test_one_session_with_its_windows_panes_and_viewers(place: Place) -> None:
    await place.session("main", "sh", "-c", "echo hello; cat")
    place.tmux("new-window", "-t", "main", "-n", "second", "cat")
    place.tmux("split-window", "-t", "main", "cat")
    await claim(place, "otto")
    async with place.socket("vera") as vera:
        await vera.say("subscribe", sessionId="main")
        await vera.until("presence")

        async def detail() -> Any:
            body = (await place.vera.get("/api/sessions/main")).json()
            return body if "hello" in body["windows"][0]["panes"][0]["content"] else None

        body = await eventually(detail)
    assert set(body) == {"id", "name", "windows", "viewers", "claim"}
    one, two = body["windows"]
    assert (one["index"], one["active"]) == (0, False)
    assert (two["index"], two["name"], two["active"]) == (1, "second", True)
    assert [pane["index"] for pane in two["panes"]] == [0, 1]
    assert (one["panes"][0]["width"], one["panes"][0]["height"]) == (80, 24)
    assert one["panes"][0]["content"].startswith("hello\n")
    assert body["viewers"] == [{"userId": place.ids["vera"], "name": "Vera"}]
    assert body["claim"]["userId"] == place.ids["otto"]


@pytest.mark.line("C14")
@pytest.mark.parametrize("id", ["nothing", "a%00b", "%27;%20id", "$0", "a%2Fb"])
async def test_what_there_is_not_is_not_found(place: Place, id: str) -> None:
    await place.session("main")
    refused(await place.vera.get(f"/api/sessions/{id}"), 404, "NOT_FOUND")
    refused(await place.otto.post(f"/api/sessions/{id}/claim"), 404, "NOT_FOUND")
    refused(await place.otto.delete(f"/api/sessions/{id}/claim"), 404, "NOT_FOUND")


@pytest.mark.line("C15", "C16", "C17", "C18", "C19")
async def test_a_claim_is_one_persons(place: Place) -> None:
    await place.session("main")
    body = await claim(place, "otto")
    assert set(body["claim"]) == {"sessionId", "userId", "expiresAt"} and body["success"] is True
    assert (body["claim"]["sessionId"], body["claim"]["userId"]) == ("main", place.ids["otto"])
    no = await place.oskar.post("/api/sessions/main/claim")
    assert no.status_code == 403
    until = body["claim"]["expiresAt"]
    assert no.json() == {
        "error": "FORBIDDEN",
        "message": "Session is claimed by another user",
        "claimedBy": place.ids["otto"],
        "expiresAt": until,
        "details": {"code": "ALREADY_CLAIMED"},
    }
    refused(await place.vera.post("/api/sessions/main/claim"), 403, "FORBIDDEN")
    refused(await place.oskar.delete("/api/sessions/main/claim"), 403, "FORBIDDEN")
    assert (await claim(place, "otto"))["claim"]["expiresAt"] > until
    assert (await place.otto.delete("/api/sessions/main/claim")).json() == {"success": True}
    refused(await place.otto.delete("/api/sessions/main/claim"), 404, "NOT_FOUND")
    await claim(place, "oskar")
    assert (await place.adam.delete("/api/sessions/main/claim")).json() == {"success": True}


@pytest.mark.line("C15", "C16")
async def test_of_many_who_claim_at_once_one_wins(place: Place) -> None:
    await place.session("main")
    requests = [place.people[user].post("/api/sessions/main/claim") for user in ("otto", "oskar") * 25]
    answers = await asyncio.gather(*requests)
    winners = {answer.json()["claim"]["userId"] for answer in answers if answer.status_code == 200}
    assert len(winners) == 1
    others = [answer.json() for answer in answers if answer.status_code == 403]
    assert len(others) == 25 and all({refusal["claimedBy"]} == winners and refusal["expiresAt"] for refusal in others)


@pytest.mark.line("C15", "C18")
async def test_admins_take_over(place: Place) -> None:
    await place.session("main")
    await claim(place, "otto")
    assert (await claim(place, "adam"))["claim"]["userId"] == place.ids["adam"]
    assert (await claim(place, "olga"))["claim"]["userId"] == place.ids["olga"]


@pytest.mark.line("C15")
async def test_it_is_handed_over_to_who_asks(place: Place) -> None:
    await place.session("main")
    await claim(place, "otto")
    ask = "/api/sessions/main/claim/handover"
    refused(await place.otto.post(ask, json={"userId": place.ids["oskar"]}), 404, "NOT_FOUND", "not requested")
    assert (await place.oskar.post(ask)).json() == {"success": True, "asked": True}
    refused(await place.vera.post(ask), 403, "FORBIDDEN")
    refused(await place.oskar.post(ask, json={"userId": place.ids["oskar"]}), 403, "FORBIDDEN")
    body = (await place.otto.post(ask, json={"userId": place.ids["oskar"]})).json()
    assert body["claim"]["userId"] == place.ids["oskar"]


@pytest.mark.line("C12", "C15")
async def test_a_claim_runs_out_by_itself(database: str, tmp_path: Path, tmux: Tmux) -> None:
    async with opened(database, tmp_path, tmux, claim_seconds=0.3) as place:
        await place.session("main")
        await claim(place, "otto")

        async def free() -> bool:
            return (await place.listed())[0]["claim"] is None

        await eventually(free)
        await claim(place, "oskar")


@pytest.mark.line("C12")
async def test_claims_survive_a_restart(database: str, tmp_path: Path, tmux: Tmux) -> None:
    async with opened(database, tmp_path, tmux) as place:
        await place.session("main")
        before = (await claim(place, "otto"))["claim"]["expiresAt"]
        otto = dict(place.otto.cookies)
    async with served(database, tmp_path, tmux_socket=tmux.socket) as again, browser(again) as client:
        client.cookies.update(otto)
        (session,) = (await client.get("/api/sessions")).json()["sessions"]
        assert session["claim"]["expiresAt"] == before


@pytest.mark.line("C15")
async def test_a_claim_of_somebody_who_was_sent_away_holds_nobody_up(place: Place) -> None:
    await place.session("main")
    await claim(place, "otto")
    assert (await place.olga.delete(f"/api/users/{place.ids['otto']}")).status_code == 200
    assert (await claim(place, "oskar"))["claim"]["userId"] == place.ids["oskar"]


@pytest.mark.line("C20", "C21")
async def test_a_pane_is_captured(place: Place) -> None:
    await place.session("main", "sh", "-c", "echo hé; cat")

    async def captured() -> Any:
        answer = await place.vera.get("/api/tmux/sessions/main/panes/0/capture")
        return answer.json() if "hé" in answer.text else None

    capture = await eventually(captured)
    assert set(capture) == {"session", "pane", "content", "timestamp"}
    assert (capture["session"], capture["pane"]) == ("main", "0")
    assert capture["content"] == place.tmux.screen().removesuffix("\n")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", capture["timestamp"])
    for pane in ("7", "x", "0;kill-server", "-1"):
        no = await place.vera.get(f"/api/tmux/sessions/main/panes/{pane}/capture")
        assert (no.status_code, no.json()) == (404, {"error": "Pane not found"})
    no = await place.vera.get("/api/tmux/sessions/nothing/panes/0/capture")
    assert (no.status_code, no.json()) == (404, {"error": "Session not found"})


@pytest.mark.line("C22")
async def test_without_tmux_it_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.session("main")
    monkeypatch.setenv("PATH", "/nowhere")
    no = await place.vera.get("/api/tmux/sessions/main/panes/0/capture")
    assert (no.status_code, no.json()) == (503, {"error": "CHROTE API not available"})


@pytest.mark.line("C11", "C13", "C15", "C20")
async def test_nobody_else_sees_any_of_it(place: Place) -> None:
    await place.session("main")
    async with browser(place.tenure) as nobody:
        for path in ("/api/sessions", "/api/sessions/main", "/api/tmux/sessions/main/panes/0/capture"):
            refused(await nobody.get(path), 401, "UNAUTHORIZED")
        refused(await nobody.post("/api/sessions/main/claim"), 401, "UNAUTHORIZED")


@pytest.mark.line("C11")
async def test_what_tmux_loses_comes_back_with_it(place: Place) -> None:
    await place.session("main")
    place.tmux("rename-session", "-t", "main", "other")
    await place.until_listed("other")
    place.tmux.kill()
    await place.until_gone("other")
    await place.session("main")
    trail = (await place.olga.get("/api/v1/audit/events", params={"kind": "session"})).json()
    kinds = [event["kind"] for event in trail["events"]]
    assert kinds == ["session.found", "session.renamed", "session.closed", "session.found"]


@pytest.mark.line("C64")
async def test_other_clients_call_claims_locks(place: Place) -> None:
    await place.session("main")
    (session,) = (await place.vera.get("/api/terminal/sessions")).json()["sessions"]
    assert session | {"created": 0} == {
        "name": "main",
        "id": "main",
        "windows": 1,
        "attached": 0,
        "created": 0,
        "currentWindow": 0,
        "width": 80,
        "height": 24,
    }
    assert (await place.vera.get("/api/terminal/locks")).json() == {"locks": {}}
    assert (await place.otto.post("/api/terminal/sessions/main/lock")).status_code == 200
    otto = {"id": place.ids["otto"], "name": "Otto"}
    assert (await place.vera.get("/api/terminal/locks")).json() == {"locks": {"main": otto}}
    no = await place.oskar.post("/api/terminal/sessions/main/lock")
    body = {"error": "Session is claimed by another user", "locked": True, "lockedBy": otto}
    assert (no.status_code, no.json()) == (409, body)
    assert (await place.otto.post("/api/terminal/sessions/main/release")).status_code == 200
    assert (await place.vera.get("/api/terminal/locks")).json() == {"locks": {}}
