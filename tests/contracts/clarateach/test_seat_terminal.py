"""The terminal of a seat: input, several tabs, and reconnecting (T25 to T31), for the seat's learner alone (T42)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from websockets import ConnectionClosed, InvalidStatus, connect

from application.ports.terminals import MAX_KEYS_BYTES, TOO_MANY_KEYS
from infra.process.server import uvicorn_config
from infra.settings import Settings
from tests.contracts.clarateach.seats import Classroom, Seat, Tab, classroom
from tests.contracts.clarateach.teaching import fine
from tests.support.databases import Databases
from tests.support.server import WAIT_TIMEOUT_S, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["docker", "local"])
async def room(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Classroom]:
    with databases.lend() as url:
        async with classroom(request.param, url, tmp_path_factory.mktemp("room")) as new_room:
            yield new_room


@pytest_asyncio.fixture(loop_scope="module")
async def seat(room: Classroom) -> Seat:
    return await room.seat()


async def over(tab: Tab) -> int | None:
    """Read until the server closes the socket. The last message must announce it. Returns the close code."""
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await tab.hear()
    assert tab.messages[-1] == {"type": "exit"}
    return closed.value.rcvd.code if closed.value.rcvd else None


@pytest.mark.line("T25", "T26", "T28", "T29")
async def test_what_is_typed_runs_and_is_shown(seat: Seat) -> None:
    for path in (f"/vm/{seat.number}", f"/vm/0{seat.number}"):
        async with seat.terminal(path) as tab:
            assert tab.socket.subprotocol is None
            await tab.types("echo sun''shine; pwd; echo wö''rld\n")
            await tab.shows("sunshine")
            await tab.shows("wörld")
            assert all(set(message) == {"type", "data"} for message in tab.messages)


@pytest.mark.line("T25")
async def test_the_token_may_be_in_the_header(room: Classroom, seat: Seat) -> None:
    address = f"{room.served.url.replace('http', 'ws', 1)}{seat.path}/terminal"
    header = {"Authorization": f"Bearer {seat.token}"}
    async with connect(address, additional_headers=header, proxy=None) as socket:
        await Tab(socket).until(lambda: True)


@pytest.mark.line("T31")
async def test_tabs_share_the_screen_and_it_is_there_for_who_comes_back(seat: Seat) -> None:
    async with seat.terminal() as one, seat.terminal() as other:
        await one.types("word=keep''sake; echo $word\r")
        await one.shows("keepsake")
        await other.shows("keepsake")
        await other.types("echo again $word\r")
        await one.shows("again keepsake")
    async with seat.terminal() as back:
        await back.hear()
        assert "again keepsake" in back.output
        await back.types("echo still $word\r")
        await back.shows("still keepsake")


@pytest.mark.line("T27")
async def test_its_size_is_the_clients(seat: Seat) -> None:
    async with seat.terminal() as tab, seat.terminal() as other:
        await tab.say("resize", cols=93, rows=31)
        await size(tab, "31 93")
        await size(other, "31 93")
        for cols in range(60, 160):  # somebody drags a window's corner
            await tab.say("resize", cols=cols, rows=40)
        await size(tab, "40 159")
        await tab.say("resize", cols=100_000, rows=-5)
        await size(tab, "1 500")
        await tab.say("resize", cols=80.0, rows=24)
        await size(tab, "24 80")


async def size(tab: Tab, expected: str) -> None:
    """Query the size inside the terminal until it is the expected one."""

    async def is_expected() -> bool:
        tab.output = ""
        await tab.types("clear; echo `stty size`,\r")
        await tab.until(lambda: "," in tab.output.replace("size`,", ""))
        return f"{expected}," in tab.output

    await eventually(is_expected)


@pytest.mark.fault("F66")
async def test_ten_megabytes_are_pasted_and_the_tab_goes_on(seat: Seat) -> None:
    text = "".join(f"{n:07x}é\r" for n in range(1_000_000))
    expected = hashlib.md5(text.encode()).hexdigest()
    async with seat.terminal() as tab, seat.terminal() as other:
        await tab.types(f"stty raw -echo; echo re''ady; head -c {len(text.encode())} | md5sum; stty sane\r")
        await tab.shows("ready")
        await tab.types(text)
        await tab.say("resize", cols=91, rows=33)
        await other.say("dance")
        await other.until(lambda: other.messages[-1:] and other.messages[-1]["type"] == "error")
        await tab.shows(expected)
        await tab.types("x" * (MAX_KEYS_BYTES + 1))
        await tab.until(lambda: tab.messages[-1]["type"] == "error")
        assert tab.messages[-1]["message"] == TOO_MANY_KEYS
        await size(tab, "33 91")


@pytest.mark.line("T28")
async def test_what_makes_no_sense_is_said_to_be_so(seat: Seat) -> None:
    async with seat.terminal() as tab:
        wrong: list[Any] = ["x", 1, {}, {"type": "dance"}, {"type": "input"}, {"type": "input", "data": 5}]
        wrong += [{"type": "resize"}, {"type": "resize", "cols": "80", "rows": 24}]
        texts: list[str | bytes] = [*map(json.dumps, wrong), "{", b"\xff"]
        for text in texts:
            await tab.socket.send(text)
            await tab.until(lambda: tab.messages[-1:] and tab.messages[-1]["type"] == "error")
            assert set(tab.messages.pop()) == {"type", "message"}
        await tab.types("echo li''ving\r")
        await tab.shows("living")


@pytest.mark.line("T42", "T25")
async def test_only_who_sits_there(room: Classroom, seat: Seat) -> None:
    other = await room.seat(1)
    base = room.served.url.replace("http", "ws", 1)
    refusals = {
        f"{seat.path}/terminal": (401, "UNAUTHORIZED"),
        f"{seat.path}/terminal?token=nonsense": (401, "UNAUTHORIZED"),
        f"/vm/99/terminal?token={seat.token}": (400, "INVALID_INPUT"),
        f"{seat.path}/terminal?token={other.token}": (403, "FORBIDDEN"),
    }
    for path, (status, code) in refusals.items():
        with pytest.raises(InvalidStatus) as refused:
            async with connect(base + path, proxy=None):
                pass
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body)["error"]["code"] == code


async def test_it_is_over_when_the_shell_ends_and_when_the_workshop_does(databases: Databases, tmp_path: Path) -> None:
    with databases.lend() as url:
        async with classroom("docker", url, tmp_path, seats=1) as room:
            seat = await room.seat()
            async with seat.terminal() as tab, seat.terminal() as other:
                await tab.hear()
                await tab.types("exit\r")
                assert await over(tab) == await over(other) == 1000
            async with seat.terminal() as tab, room.served.client(None) as instructor:
                await tab.types("echo an''other\r")
                await tab.shows("another")
                fine(await instructor.post(f"/api/workshops/{room.workshop['id']}/stop"))
                await over(tab)
            with pytest.raises(InvalidStatus) as refused:
                async with seat.terminal():
                    pass
            assert refused.value.response.status_code == 401


@pytest.mark.line("T30")
async def test_a_silent_client_is_pinged(seat: Seat) -> None:
    """The server that serves every contract sends pings, and answers those of clients."""
    assert uvicorn_config(FastAPI(), Settings()).ws_ping_interval == 30
    async with seat.terminal() as tab:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            await (await tab.socket.ping())


async def test_a_server_that_ends_says_so(databases: Databases, tmp_path: Path) -> None:
    with databases.lend() as url:
        async with classroom("local", url, tmp_path, seats=1) as room:
            seat = await room.seat()
            async with seat.terminal() as tab:
                await tab.hear()
                room.served.tenure.hub.close()
                assert await over(tab) == 1001
