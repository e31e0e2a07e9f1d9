"""The display of a seat in a browser (T39 to T41), for the seat's learner alone (T42)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets import InvalidStatus, connect

from tests.contracts.clarateach.displays import (
    BLUE,
    GREEN,
    IMAGE,
    RED,
    YELLOW,
    address,
    desktops,
    neko,
    shows,
    watching,
)
from tests.contracts.clarateach.seats import Classroom, Seat, classroom
from tests.contracts.clarateach.teaching import fine
from tests.support.chromium import page
from tests.support.databases import Databases
from tests.support.engines import DockerEngine

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHOWN = """
<body style="margin: 0; height: 100vh; background: linear-gradient(90deg, #0f0 50%, #00f 50%)"
 onmousedown="document.body.style.background = '#f00'"
 onkeydown="if (event.key == 'q') document.body.style.background = '#ff0'">
"""
CONTROL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07)")  # of a terminal: CSI, and OSC


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Classroom]:
    with databases.lend() as url:
        async with desktops(url, tmp_path_factory.mktemp("room")) as new_room:
            yield new_room


@pytest_asyncio.fixture(loop_scope="module")
async def seat(room: Classroom) -> Seat:
    return await room.seat()


@pytest.mark.line("T39", "T40", "T41")
async def test_a_real_browser_shows_the_seats_display_and_lets_it_be_used(seat: Seat, tmp_path: Path) -> None:
    async with seat.client() as learner:
        fine(await learner.put(f"{seat.path}/files/page.html", json={"content": SHOWN}))
    where = f"{seat.room.served.url}{seat.path}/browser/?token={seat.token}"
    async with seat.terminal() as tab, page(where, tmp_path) as browser:
        await tab.types("xsetroot -solid '#00f'\r")
        await shows(browser, BLUE, BLUE)
        await tab.types("preview file:///workspace/page.html\r")
        await shows(browser, GREEN, BLUE)
        await browser.click(640, 300)
        await shows(browser, RED, RED)
        await browser.press("q")
        await shows(browser, YELLOW, YELLOW)


@pytest.mark.fault("F77")
async def test_preview_gives_the_prompt_back_and_prints_nothing(seat: Seat, tmp_path: Path) -> None:
    async with seat.client() as learner:
        fine(await learner.put(f"{seat.path}/files/page.html", json={"content": SHOWN}))
    where = f"{seat.room.served.url}{seat.path}/browser/?token={seat.token}"
    async with seat.terminal() as tab, page(where, tmp_path) as browser:
        await tab.types("pkill chromium; xsetroot -solid '#00f'; printf '%s\\n' re''ady\r")
        await tab.shows("ready\r\n")
        await shows(browser, BLUE, BLUE)
        await tab.types("preview file:///workspace/page.html; printf '%s\\n' status=$?\r")
        await tab.shows("status=0\r\n")
        await shows(browser, GREEN, BLUE)
        await tab.types("printf '%s\\n' la''st\r")
        await tab.shows("last\r\n")
    _, _, output = CONTROL_SEQUENCE.sub("", tab.output).partition("ready\r\n")
    lines = [line.strip("\r").rpartition("$ ")[2] for line in output.split("\r\n")]
    typed = "preview file:///workspace/page.html; printf '%s\\n' status=$?", "printf '%s\\n' la''st"
    assert lines[:4] == [typed[0], "status=0", typed[1], "last"]


@pytest.mark.fault("F77")
@pytest.mark.parametrize("language", ["ar", "he", "hi", "ja", "ko", "th", "zh-cn"])
async def test_the_display_has_fonts_for_every_script(room: Classroom, language: str) -> None:
    assert isinstance(room.engine, DockerEngine)
    run = room.engine.client.containers.run
    assert await asyncio.to_thread(run, IMAGE, ["fc-list", f":lang={language}"], remove=True)


@pytest.mark.line("T39", "T40", "T41")
async def test_what_is_said_is_as_the_contract_has_it(seat: Seat) -> None:
    options: dict[str, Any] = {"subprotocols": ["other", "neko"], "proxy": None, "max_queue": None}
    async with connect(address(seat), **options) as socket:
        assert socket.subprotocol == "neko"
        async with watching(socket):
            pass


async def test_what_makes_no_sense_is_said_to_be_so(seat: Seat) -> None:
    wrong: list[Any] = [1, {}, {"event": "dance"}, {"event": "answer", "data": {}}, {"event": "control/dance"}]
    wrong += [{"event": "control/move", "data": {"x": "1", "y": 2}}]
    wrong += [{"event": "control/keydown", "data": {"keysym": []}}]
    after = [{"event": "connect"}, {"event": "answer", "data": {"type": "answer", "sdp": "x"}}, {"event": "candidate"}]
    after += [{"event": "candidate", "data": {"candidate": "nonsense"}}]
    async with connect(address(seat), proxy=None) as socket:
        assert socket.subprotocol is None
        for text in map(json.dumps, wrong):
            await socket.send(text)
            assert json.loads(await socket.recv())["event"] == "error"
        await socket.send('{"event":"connect"}')
        assert json.loads(await socket.recv())["event"] == "offer"
        for text in map(json.dumps, after):
            await socket.send(text)
            while (message := json.loads(await socket.recv()))["event"] == "candidate":
                pass
            assert message["event"] == "error"


@pytest.mark.line("T42")
async def test_only_who_sits_there(room: Classroom, seat: Seat) -> None:
    other = await room.seat(1)
    for query, status in (("", 401), ("?token=nonsense", 401), (f"?token={other.token}", 403)):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address(seat, query), proxy=None):
                pass
        assert refused.value.response.status_code == status
    async with room.served.client(None) as nobody:
        assert (await nobody.get(f"{seat.path}/browser/")).status_code == 401


async def test_a_neko_in_the_seat_is_talked_to_as_it_comes(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        neko(seat.room, monkeypatch),
        connect(address(seat), subprotocols=["neko"], proxy=None) as socket,  # type: ignore[list-item]
    ):
        assert socket.subprotocol == "neko"
        for frame in ('{"event":"connect"}', b"\x01\x02"):
            await socket.send(frame)
            assert await socket.recv() == f"neko heard {frame!r}"
    with pytest.raises(InvalidStatus) as refused:  # it has gone
        async with connect(address(seat), proxy=None):
            pass
    assert refused.value.response.status_code == 503


async def test_a_seat_without_a_display_says_so(databases: Databases, tmp_path: Path) -> None:
    with databases.lend() as url:
        async with classroom("docker", url, tmp_path, seats=1) as room:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(address(await room.seat()), proxy=None):
                    pass
            assert refused.value.response.status_code == 404
