"""The display of a seat in a browser (T39 to T41), for the seat's learner alone (T42)."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiortc import RTCPeerConnection, RTCSessionDescription
from docker.errors import ImageNotFound
from websockets import InvalidStatus, connect, serve
from websockets.asyncio.server import ServerConnection

from tests.contracts.clarateach.seats import Classroom, Seat, classroom
from tests.contracts.clarateach.teaching import fine
from tests.support.chromium import Page, page
from tests.support.databases import Databases
from tests.support.engines import DockerEngine, lacking
from tests.support.server import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
IMAGE = os.environ.get("TENURE_TEST_DESKTOP_IMAGE", "tenure-desktop:latest")
SHOWN = """
<body style="margin: 0; height: 100vh; background: linear-gradient(90deg, #0f0 50%, #00f 50%)"
 onmousedown="document.body.style.background = '#f00'"
 onkeydown="if (event.key == 'q') document.body.style.background = '#ff0'">
"""
# The colours of two places in the video, as a browser has decoded it: left and right of the middle.
PIXELS = """(() => {
  const video = document.getElementById("display");
  if (!video || !video.videoWidth) return null;
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight), paper = canvas.getContext("2d");
  paper.drawImage(video, 0, 0);
  const at = (x) => [...paper.getImageData(x, 360, 1, 1).data.slice(0, 3)];
  return [video.videoWidth, video.videoHeight, at(320), at(960)];
})()"""
GREEN, BLUE, RED, YELLOW = (0, 255, 0), (0, 0, 255), (255, 0, 0), (255, 255, 0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Classroom]:
    with databases.lend() as url:
        async with classroom("docker", url, tmp_path_factory.mktemp("room"), workspace_image=IMAGE) as new_room:
            assert isinstance(new_room.engine, DockerEngine)
            try:
                new_room.engine.client.images.get(IMAGE)
            except ImageNotFound:
                lacking("desktop", f"there is no image {IMAGE}: infra/images/desktop.sh")
            yield new_room


@pytest_asyncio.fixture(loop_scope="module")
async def seat(room: Classroom) -> Seat:
    return await room.seat()


def address(seat: Seat, query: str | None = None) -> str:
    query = f"?token={seat.token}" if query is None else query
    return f"{seat.room.served.url.replace('http', 'ws', 1)}{seat.path}/browser{query}"


def alike(actual: list[int], expected: tuple[int, ...]) -> bool:
    """Whether two colours are close: video encoding changes them slightly."""
    return all(abs(a - b) < 60 for a, b in zip(actual, expected, strict=True))


async def shows(page: Page, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    pixels: Any = None

    async def is_shown() -> bool:
        nonlocal pixels
        pixels = await page.run(PIXELS)
        return bool(pixels and alike(pixels[2], left) and alike(pixels[3], right))

    try:
        await eventually(is_shown, 60)
    finally:
        assert pixels and pixels[:2] == [1280, 720], pixels
        assert alike(pixels[2], left) and alike(pixels[3], right), pixels


@pytest.mark.line("T39", "T40", "T41")
async def test_a_real_browser_shows_the_seats_display_and_lets_it_be_used(seat: Seat, tmp_path: Path) -> None:
    async with seat.client() as learner:
        fine(await learner.put(f"{seat.path}/files/page.html", json={"content": SHOWN}))
    where = f"{seat.room.served.url}{seat.path}/browser/?token={seat.token}"
    async with seat.terminal() as tab, page(where, tmp_path) as browser:
        await tab.types("xsetroot -solid '#00f'\r")
        await shows(browser, BLUE, BLUE)
        await tab.types("preview file:///workspace/page.html >/dev/null 2>&1 &\r")
        await shows(browser, GREEN, BLUE)
        await browser.click(640, 300)
        await shows(browser, RED, RED)
        await browser.press("q")
        await shows(browser, YELLOW, YELLOW)


@pytest.mark.line("T39", "T40", "T41")
async def test_what_is_said_is_as_the_contract_has_it(seat: Seat) -> None:
    options: dict[str, Any] = {"subprotocols": ["other", "neko"], "proxy": None, "max_queue": None}
    async with connect(address(seat), **options) as socket:
        assert socket.subprotocol == "neko"
        await socket.send('{"event":"connect"}')
        offer = json.loads(await socket.recv())
        assert set(offer) == {"event", "data"} and offer["event"] == "offer" and offer["data"]["type"] == "offer"
        candidate = json.loads(await socket.recv())
        assert candidate["event"] == "candidate" and candidate["data"]["candidate"].startswith("candidate:")
        peer = RTCPeerConnection()
        try:
            coming: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            peer.on("track", coming.set_result)
            await peer.setRemoteDescription(RTCSessionDescription(offer["data"]["sdp"], "offer"))
            await peer.setLocalDescription(await peer.createAnswer())
            answer = {"type": "answer", "sdp": peer.localDescription.sdp}
            await socket.send(json.dumps({"event": "answer", "data": answer}))
            async with asyncio.timeout(30):
                frame = await (await coming).recv()
            assert (frame.width, frame.height) == (1280, 720)
        finally:
            await peer.close()


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
    async def neko(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(f"neko heard {message!r}")

    async with serve(neko, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]

        async def where(workspace_id: Any) -> str:
            return f"ws://127.0.0.1:{port}/ws"

        monkeypatch.setattr(seat.room.served.tenure.deps.clarateach.displays, "neko_url", where)
        async with connect(address(seat), subprotocols=["neko"], proxy=None) as socket:  # type: ignore[list-item]
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
