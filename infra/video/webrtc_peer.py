"""`Peer` on aiortc: the pictures of a display as video over WebRTC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from fractions import Fraction
from typing import Any

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp
from av import VideoFrame

from application.ports.displays import Display, IceCandidate, SessionDescription
from application.ports.errors import Unavailable
from domain.errors import Invalid, NotFound
from infra.video.vp8 import frame_of

TICKS_PER_S = 90_000  # the clock rate of video in RTP: RFC 7741
REPEAT_INTERVAL_S = 0.5  # a still picture is sent again, for a browser that has just come or lost packets
MAX_PICTURES_PER_S = 15


class DisplayTrack(MediaStreamTrack):
    """A display as a track of video, which ends with the display."""

    kind = "video"

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display
        self._started_at = self._sent_at = time.monotonic()
        self._next_picture: asyncio.Task[bytes] | None = None
        self._picture: bytes | None = None
        self.display_ended = asyncio.Event()
        self._size = display.size  # of the picture: the display's own may change before the next one comes

    async def recv(self) -> VideoFrame:
        """The next frame, as aiortc asks for it. `MediaStreamError` once the display has gone."""
        try:
            await self._update_picture()
        except (NotFound, Unavailable):
            self.stop()
            self.display_ended.set()
            raise MediaStreamError from None
        await asyncio.sleep(max(0.0, self._sent_at + 1 / MAX_PICTURES_PER_S - time.monotonic()))
        self._sent_at = time.monotonic()
        assert self._picture is not None
        frame = frame_of(self._picture, self._size)
        frame.pts, frame.time_base = int((self._sent_at - self._started_at) * TICKS_PER_S), Fraction(1, TICKS_PER_S)
        return frame

    async def _update_picture(self) -> None:
        """Wait for the next picture; after an interval without one, keep the last."""
        self._next_picture = self._next_picture or asyncio.create_task(self._display.next())
        await asyncio.wait([self._next_picture], timeout=None if self._picture is None else REPEAT_INTERVAL_S)
        if self._next_picture.done():
            self._picture, self._size = self._next_picture.result(), self._display.size
            self._next_picture = None

    def stop(self) -> None:
        """End the track."""
        super().stop()
        if self._next_picture:
            self._next_picture.cancel()


class AiortcPeer:
    """`Peer` of one connection."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._connection = connection

    async def offer(self) -> SessionDescription:
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return {"type": "offer", "sdp": self._connection.localDescription.sdp}

    def candidates(self) -> list[IceCandidate]:
        lines = self._connection.localDescription.sdp.splitlines()
        mid = next((line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:")), "0")
        candidates = [line.removeprefix("a=") for line in lines if line.startswith("a=candidate:")]
        return [{"candidate": candidate, "sdpMid": mid, "sdpMLineIndex": 0} for candidate in candidates]

    async def accept_answer(self, description: Mapping[str, Any]) -> None:
        sdp = description.get("sdp")
        if description.get("type") != "answer" or not isinstance(sdp, str):
            raise Invalid("an answer is an RTCSessionDescription")
        with refuse_nonsense("the answer"):
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def add_candidate(self, candidate: Mapping[str, Any]) -> None:
        line = candidate.get("candidate")
        if not isinstance(line, str):
            raise Invalid("a candidate is an RTCIceCandidate")
        if not line:
            return  # the browser has no more candidates
        with refuse_nonsense("the candidate"):
            parsed = candidate_from_sdp(line.partition(":")[2])
            parsed.sdpMid, parsed.sdpMLineIndex = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
            await self._connection.addIceCandidate(parsed)


class AiortcDisplayPeer(AiortcPeer):
    """`DisplayPeer`: a browser that gets the pictures of this track."""

    def __init__(self, connection: RTCPeerConnection, track: DisplayTrack) -> None:
        super().__init__(connection)
        self._track = track

    async def wait_until_display_ended(self) -> None:
        await self._track.display_ended.wait()


@contextmanager
def refuse_nonsense(subject: str) -> Iterator[None]:
    """Raise every error of the block as `Invalid`: aiortc fails in many ways on what a browser may send."""
    try:
        yield
    except Exception as error:
        raise Invalid(f"{subject} makes no sense") from error


@asynccontextmanager
async def open_connection() -> AsyncIterator[RTCPeerConnection]:
    """A connection that is closed at the end of the block."""
    # No STUN server is asked for this server's address: a browser that shows the page reaches this server anyway.
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def open_peer(display: Display) -> AsyncIterator[AiortcDisplayPeer]:
    """A peer that gets the pictures of this display."""
    async with open_connection() as connection:
        track = DisplayTrack(display)
        connection.addTransceiver(track, direction="sendonly")
        try:
            yield AiortcDisplayPeer(connection, track)
        finally:
            track.stop()
