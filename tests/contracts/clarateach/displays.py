"""The displays of seats: machines that have one, what a browser shows of them, and a neko that shows them itself."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from docker.errors import ImageNotFound
from websockets import serve
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus

from tests.contracts.clarateach.seats import Classroom, Seat, classroom
from tests.support.chromium import Page
from tests.support.engines import DockerEngine, lacking
from tests.support.server import eventually

IMAGE = os.environ.get("TENURE_TEST_DESKTOP_IMAGE", "tenure-desktop:latest")
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


@asynccontextmanager
async def desktops(url: str, home: Path, seats: int = 2) -> AsyncIterator[Classroom]:
    """A classroom whose machines have a display. Skips the test where their image is missing."""
    async with classroom("docker", url, home, seats, workspace_image=IMAGE) as room:
        assert isinstance(room.engine, DockerEngine)
        try:
            room.engine.client.images.get(IMAGE)
        except ImageNotFound:
            lacking("desktop", f"there is no image {IMAGE}: infra/images/desktop.sh")
        yield room


def address(seat: Seat, query: str | None = None) -> str:
    query = f"?token={seat.token}" if query is None else query
    return f"{seat.room.served.url.replace('http', 'ws', 1)}{seat.path}/browser{query}"


async def until_shown(seat: Seat) -> None:
    """Wait until the seat has a display: its X server starts a moment after its machine, and until then it is 404."""

    async def is_there() -> bool:
        try:
            async with connect(address(seat), proxy=None):
                return True
        except InvalidStatus as refusal:
            assert refusal.response.status_code == 404, refusal
            return False

    await eventually(is_there)


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


@asynccontextmanager
async def watching(socket: ClientConnection) -> AsyncIterator[None]:
    """A browser that gets the pictures of this socket's display while the block runs."""
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
        yield
    finally:
        await peer.close()


@asynccontextmanager
async def neko(room: Classroom, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[ServerConnection]]:
    """A neko that shows every seat's display while the block runs, and its connections."""
    connections = []

    async def answer(socket: ServerConnection) -> None:
        connections.append(socket)
        async for message in socket:
            await socket.send(f"neko heard {message!r}")

    async with serve(answer, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]

        async def where(workspace_id: Any) -> str:
            return f"ws://127.0.0.1:{port}/ws"

        monkeypatch.setattr(room.served.tenure.deps.clarateach.displays, "neko_url", where)
        yield connections
