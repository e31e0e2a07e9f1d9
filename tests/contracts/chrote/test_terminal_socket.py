"""/ws/terminal: one session over one socket."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from infra.process import logging as logs
from tests.contracts.chrote.terminals import Place, opened
from tests.support.server import eventually
from tests.support.tmux import Tmux

RAW = "import os,sys,tty; tty.setraw(0); f=open(sys.argv[1],'wb',0)\nwhile d:=os.read(0,65536): f.write(d)"


@pytest.mark.line("C49", "C50", "C59")
async def test_who_may_not_or_cannot_is_let_go(place: Place) -> None:
    await place.session("main", "cat")
    async with place.socket(None, "/ws/terminal/main") as nobody:
        assert await nobody.closed() == 4001
    async with place.socket(None, "/ws/terminal/nothing") as nobody:
        assert await nobody.closed() == 4001
    for path in ("nothing", "a%00b", "$0", "main?pane=7", "main?pane=x", "main?pane=0;kill-server", "main?mode=x"):
        async with place.socket("vera", f"/ws/terminal/{path}") as vera:
            assert await vera.closed() == 4004


@pytest.mark.line("C51", "C52", "C53", "C54", "C57")
async def test_it_shows_its_session_and_no_other(place: Place) -> None:
    await place.session("main", "sh", "-c", "echo mine; cat")
    await place.session("other", "sh", "-c", "while :; do echo theirs; sleep 0.02; done")
    async with place.socket("vera", "/ws/terminal/main") as vera:
        connected, output = await vera.next(), await vera.next()
        assert connected == {
            "type": "connected",
            "sessionId": "main",
            "userId": place.ids["vera"],
            "role": "viewer",
        }
        assert {"type", "sessionId", "pane", "data", "timestamp"} <= set(output)
        assert (output["type"], output["sessionId"], output["pane"]) == ("output", "main", "0")
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", output["timestamp"])
        if "mine" not in output["data"]:
            assert "theirs" not in await vera.until_shown("mine")
        place.tmux("send-keys", "-t", "main", "typed")
        assert "theirs" not in await vera.until_shown("typed")


@pytest.mark.line("C51", "C54")
async def test_a_pane_may_be_chosen(place: Place) -> None:
    await place.session("main", "cat")
    place.tmux("split-window", "-t", "main", "sh", "-c", "echo second; cat")
    async with place.socket("vera", "/ws/terminal/main?pane=1") as vera:
        assert (await vera.until("output"))["pane"] == "1"
    await place.otto.post("/api/sessions/main/claim")
    async with place.socket("otto", "/ws/terminal/main") as otto:
        await otto.say("sendKeys", keys="to the other\n", pane="1")

        async def arrived() -> bool:
            return "to the other" in place.tmux("capture-pane", "-p", "-t", "main.1")

        await eventually(arrived)
        assert "to the other" not in place.tmux("capture-pane", "-p", "-t", "main.0")
        await otto.say("sendKeys", keys="x", pane="9")
        await otto.error("TMUX_ERROR")


@pytest.mark.line("C55", "C58")
async def test_only_who_has_claimed_it_types(place: Place) -> None:
    await place.session("main", "cat")
    async with (
        place.socket("otto", "/ws/terminal/main") as otto,
        place.socket("adam", "/ws/terminal/main") as adam,
        place.socket("vera", "/ws/terminal/main") as vera,
    ):
        await vera.say("sendKeys", keys="x")
        assert await vera.error("NOT_OPERATOR") == "Only operators can send keys"
        await otto.say("sendKeys", keys="x")
        assert await otto.error("NOT_CLAIMED") == "You must claim the session before sending keys"
        await place.otto.post("/api/sessions/main/claim")
        await otto.say("sendKeys", keys="mine\n")
        await vera.until_shown("mine")
        await adam.say("sendKeys", keys="not mine")
        await adam.error("NOT_CLAIMED")
        assert "not mine" not in place.tmux.screen()


@pytest.mark.line("C55")
async def test_what_is_typed_is_what_arrives(place: Place, tmp_path: Path) -> None:
    typed = tmp_path / "typed"
    await place.session("main", sys.executable, "-c", RAW, str(typed))
    await eventually(lambda: asyncio.to_thread(typed.exists))
    await place.otto.post("/api/sessions/main/claim")
    keys = "'\";#{x}#(id)$(id)`id`\\ \0\x1b[A\x7f~é界\n\r" + "0123456789abcdef" * (1 << 16)
    async with place.socket("otto", "/ws/terminal/main") as otto:
        await otto.say("sendKeys", keys=keys)
        for key in "one by one":
            await otto.say("sendKeys", keys=key)
        expected = keys.replace("\n", "\r").encode() + b"one by one"

        async def arrived() -> bool:
            return typed.stat().st_size >= len(expected)

        await eventually(arrived, seconds=60)
    assert typed.read_bytes() == expected


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """The log, with every level turned on."""
    root, written = logging.getLogger(), StringIO()
    before = root.handlers[:], root.level
    logs.configure("debug", "json")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    root.handlers[:], root.level = before
    for name in logs.OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)


async def test_what_is_typed_and_shown_is_in_no_log_and_no_row(place: Place, logged: StringIO) -> None:
    await place.session("main", "cat")
    await place.otto.post("/api/sessions/main/claim")
    async with place.socket("otto", "/ws/terminal/main") as one, place.socket("otto") as all_of_them:
        await one.say("sendKeys", keys="correct horse\n")
        await one.until_shown("correct horse\r\ncorrect horse")
        await all_of_them.say("sendKeys", sessionId="main", keys="battery staple\n")
        await one.until_shown("battery staple\r\nbattery staple")
        await one.say("sendKeys", keys=["tape worm"])  # refused, and not repeated
        assert "tape worm" not in await one.error("INVALID_MESSAGE")
    log = logged.getvalue()
    assert '"level":"info"' in log, "it logs"
    async with place.tenure.tenure.pool.connection() as conn:
        tables = await (await conn.execute("select tablename from pg_tables where schemaname = 'public'")).fetchall()
        contents = {
            name: await (await conn.execute(f"select {name}::text from {name}")).fetchall() for (name,) in tables
        }
    rows = {name: str(text) for name, text in contents.items()}
    for secret in ("correct horse", "battery staple", "tape worm"):
        assert secret not in log
        assert not [name for name, text in rows.items() if secret in text or secret.encode().hex() in text]


@pytest.mark.line("C55")
async def test_typing_prolongs_a_claim_and_a_heartbeat_does_not(database: str, tmp_path: Path, tmux: Tmux) -> None:
    async with opened(database, tmp_path, tmux, claim_seconds=2) as place:
        await place.session("main", "cat")
        first = (await place.otto.post("/api/sessions/main/claim")).json()["claim"]["expiresAt"]
        async with place.socket("otto", "/ws/terminal/main") as otto:

            async def typed_on() -> str | None:
                await otto.say("sendKeys", keys="x")
                claim = (await place.listed())[0]["claim"]
                return claim["expiresAt"] if claim and claim["expiresAt"] > first else None

            await eventually(typed_on)

            async def beaten_out() -> bool:
                await otto.say("heartbeat")
                return (await place.listed())[0]["claim"] is None

            await eventually(beaten_out)


@pytest.mark.line("C56", "C59")
async def test_who_is_silent_is_let_go(database: str, tmp_path: Path, tmux: Tmux) -> None:
    async with opened(database, tmp_path, tmux, heartbeat_seconds=0.3) as place:
        await place.session("main", "cat")
        async with place.socket("vera", "/ws/terminal/main") as silent:
            assert await silent.closed() == 4000


@pytest.mark.line("C50", "C59")
async def test_it_ends_with_its_session(place: Place) -> None:
    await place.session("main", "cat")
    async with place.socket("vera", "/ws/terminal/main") as vera:
        await vera.until("output")
        place.tmux("kill-session", "-t", "main")
        assert await vera.closed() == 4004


@pytest.mark.line("C54")
async def test_whole_screens_for_who_wants_them(place: Place) -> None:
    await place.session("main", "sh", "-c", "printf '\\033[31mred'; cat")

    async def drawn() -> bool:
        return "red" in place.tmux.screen()

    await eventually(drawn)
    async with place.socket("vera", "/ws/terminal/main?mode=screen") as vera:
        assert (await vera.until("output"))["data"] == place.tmux.screen().removesuffix("\n")


@pytest.mark.line("C58", "C63")
async def test_who_is_sent_away_is_let_go_at_once(place: Place) -> None:
    await place.session("main", "cat")
    await place.otto.post("/api/sessions/main/claim")
    async with place.socket("otto", "/ws/terminal/main") as otto:
        await otto.until("output")
        role = f"/api/users/{place.ids['otto']}/role"
        assert (await place.olga.patch(role, json={"role": "viewer"})).status_code == 200

        async def refused() -> bool:
            await otto.say("sendKeys", keys="x")
            message = await otto.next()
            return bool(message["type"] == "error" and message["code"] == "NOT_OPERATOR")

        await eventually(refused)
        assert (await place.olga.delete(f"/api/users/{place.ids['otto']}")).status_code == 200
        assert await otto.closed() == 4001
