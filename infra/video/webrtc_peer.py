"""`Peer`: the pictures of a display as video, over WebRTC, by aiortc."""

from __future__ import annotations

import asyncio
import fractions
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp
from av import VideoFrame

from application.ports.displays import Display
from application.ports.errors import Unavailable
from domain.errors import Invalid, NotFound

CLOCK = 90_000  # ticks in a second of video
AT_LEAST = 0.5  # seconds between pictures, also where nothing changes: who comes late, or lost one, gets it then
RATE = 15  # at most, in a second


class Pictures(MediaStreamTrack):
    """A display as a track of video. It ends with the display."""

    kind = "video"

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display
        self._began = self._last = time.monotonic()
        self._coming: asyncio.Task[bytes] | None = None
        self._picture: bytes | None = None

    async def recv(self) -> VideoFrame:
        try:
            await self._change()
        except (NotFound, Unavailable):
            self.stop()
            raise MediaStreamError from None
        now = time.monotonic()
        await asyncio.sleep(max(0.0, self._last + 1 / RATE - now))
        self._last = time.monotonic()
        frame = VideoFrame(*self._display.size, "bgr0")
        assert self._picture is not None
        frame.planes[0].update(self._picture)
        frame.pts, frame.time_base = int((self._last - self._began) * CLOCK), fractions.Fraction(1, CLOCK)
        return frame

    async def _change(self) -> None:
        """Have the newest picture: the next one, or after a while the same again."""
        self._coming = self._coming or asyncio.create_task(self._display.next())
        await asyncio.wait([self._coming], timeout=None if self._picture is None else AT_LEAST)
        if self._coming.done():
            self._picture, self._coming = self._coming.result(), None

    def stop(self) -> None:
        super().stop()
        if self._coming:
            self._coming.cancel()


class AiortcPeer:
    """`Peer`"""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._connection = connection

    async def offer(self) -> dict[str, Any]:
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return {"type": "offer", "sdp": self._connection.localDescription.sdp}

    def candidates(self) -> list[dict[str, Any]]:
        lines = self._connection.localDescription.sdp.splitlines()
        mid = next((line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:")), "0")
        found = [line.removeprefix("a=") for line in lines if line.startswith("a=candidate:")]
        return [{"candidate": it, "sdpMid": mid, "sdpMLineIndex": 0} for it in found]

    async def answered(self, description: dict[str, Any]) -> None:
        sdp = description.get("sdp")
        if description.get("type") != "answer" or not isinstance(sdp, str):
            raise Invalid("an answer is an RTCSessionDescription")
        with nonsense("the answer"):
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def candidate(self, candidate: dict[str, Any]) -> None:
        said = candidate.get("candidate")
        if not isinstance(said, str):
            raise Invalid("a candidate is an RTCIceCandidate")
        if not said:
            return  # that was all of them
        with nonsense("the candidate"):
            it = candidate_from_sdp(said.partition(":")[2])
            it.sdpMid, it.sdpMLineIndex = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
            await self._connection.addIceCandidate(it)


@contextmanager
def nonsense(what: str) -> Iterator[None]:
    """What a browser says goes through a library that does not expect anything else than sense."""
    try:
        yield
    except Exception as error:
        raise Invalid(f"{what} makes no sense") from error


@asynccontextmanager
async def connected() -> AsyncIterator[RTCPeerConnection]:
    """One that is closed in the end."""
    # No servers are asked for our address: whoever sees a display reaches this server anyway.
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def peer(display: Display) -> AsyncIterator[AiortcPeer]:
    async with connected() as connection:
        track = Pictures(display)
        connection.addTransceiver(track, direction="sendonly")
        try:
            yield AiortcPeer(connection)
        finally:
            track.stop()
