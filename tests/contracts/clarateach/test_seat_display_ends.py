"""The display of a seat closes when the seat, the workshop or the machine ends, and says why."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from websockets import ConnectionClosed, connect
from websockets.asyncio.client import ClientConnection

from projections import workshops
from projections.seats import rows_of
from tests.contracts.clarateach.displays import BLUE, address, desktops, neko, shows, until_shown, watching
from tests.contracts.clarateach.seats import Seat, classroom
from tests.contracts.clarateach.teaching import fine
from tests.support.chromium import Page, page
from tests.support.databases import Databases
from tests.support.server import WAIT_TIMEOUT_S, eventually

pytestmark = pytest.mark.fault("F67")


async def closes(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Read messages until the server closes the socket: the code and the reason."""
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await socket.recv()
    assert closed.value.rcvd
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def says(page: Page, text: str) -> None:
    async def is_said() -> bool:
        return text in str(await page.run("document.getElementById('status').textContent"))

    await eventually(is_said, 60)


async def remove_learner(seat: Seat) -> None:
    async with seat.room.served.client(None) as instructor:
        fine(await instructor.delete(f"/api/workshops/{seat.room.workshop['id']}/learners/{seat.number}"))


async def stop_workshop(seat: Seat) -> None:
    async with seat.room.served.client(None) as instructor:
        fine(await instructor.post(f"/api/workshops/{seat.room.workshop['id']}/stop"))


LOST = "this seat has no learner, or another one, by now; join again"
OVER = "this workshop has ended, and its machines with it; ask your instructor"
ENDS = [pytest.param(remove_learner, LOST, id="learner"), pytest.param(stop_workshop, OVER, id="workshop")]


@pytest.mark.parametrize(("end", "why"), ENDS)
async def test_the_display_closes_with_its_seat_and_the_page_says_why(
    databases: Databases, tmp_path: Path, end: Any, why: str
) -> None:
    with databases.lend() as url:
        async with desktops(url, tmp_path, seats=1) as room:
            seat = await room.seat()
            where = f"{room.served.url}{seat.path}/browser/?token={seat.token}"
            async with (
                page(where, tmp_path / "chromium") as browser,
                seat.terminal() as tab,
                connect(address(seat), proxy=None) as socket,
            ):
                await tab.types("xsetroot -solid '#00f'\r")
                await shows(browser, BLUE, BLUE)
                await end(seat)
                assert await closes(socket) == (1008, why)
                await says(browser, why)
                assert await browser.run("document.getElementById('display').srcObject") is None, "no frozen picture"


@pytest.mark.parametrize(("end", "why"), ENDS)
async def test_a_relayed_display_closes_with_its_seat_on_both_sides(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Any, why: str
) -> None:
    with databases.lend() as url:
        async with classroom("docker", url, tmp_path, seats=1) as room, neko(room, monkeypatch) as connections:
            seat = await room.seat()
            async with connect(address(seat), proxy=None) as socket:
                await socket.send("hello")
                assert await socket.recv() == "neko heard 'hello'"
                await end(seat)
                assert await closes(socket) == (1008, why)
                async with asyncio.timeout(WAIT_TIMEOUT_S):
                    await connections[0].wait_closed()


async def test_the_display_closes_when_its_machine_dies(databases: Databases, tmp_path: Path) -> None:
    """The seat is still the learner's, so nothing but the display itself can close it."""
    with databases.lend() as url:
        async with desktops(url, tmp_path, seats=1) as room:
            seat = await room.seat()
            workshop = await workshops.get_by_number(room.served.tenure.deps.clarateach.queries, room.workshop["id"])
            assert workshop
            (machine,) = [row.machine_id for row in rows_of(workshop)]
            assert machine
            await until_shown(seat)
            async with connect(address(seat), proxy=None, max_queue=None) as socket, watching(socket):
                await asyncio.to_thread(room.engine.kill, machine)
                assert await closes(socket) == (1011, "the display has gone")
