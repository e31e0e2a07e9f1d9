"""The displays of seats: their pictures, mouse and keyboard, and the browsers that they are shown to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict
from uuid import UUID


@dataclass(frozen=True)
class Act:
    """Something done with the mouse or the keyboard. Coordinates are pixels of the display."""

    kind: str  # "move", "buttondown", "buttonup", "buttonpress", "scroll", "keydown", "keyup", "keypress"
    x: int | None = None
    y: int | None = None
    code: int = 0  # of a button, 1 to 7; or the keysym, as X11 numbers keys
    delta_x: int = 0
    delta_y: int = 0


class SessionDescription(TypedDict):
    """An RTCSessionDescription of the WebRTC API."""

    type: str  # "offer" or "answer"
    sdp: str


class IceCandidate(TypedDict):
    """An RTCIceCandidateInit of the WebRTC API."""

    candidate: str
    sdpMid: str
    sdpMLineIndex: int


class Display(Protocol):
    """One viewer's access to a display that is watched."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        ...

    async def next(self) -> bytes:
        """The picture, once it has changed: rows of pixels, each blue, green, red and an unused byte.

        `NotFound` when the display has gone.
        """
        ...

    async def act(self, act: Act) -> None:
        """Do this on the display. `NotFound` when the display has gone."""
        ...


class Peer(Protocol):
    """A browser that gets the pictures of a display over WebRTC."""

    async def offer(self) -> SessionDescription:
        """The offer to send to the browser."""
        ...

    def candidates(self) -> list[IceCandidate]:
        """This server's addresses, once the offer is made."""
        ...

    async def accept_answer(self, description: Mapping[str, Any]) -> None:
        """Take the browser's RTCSessionDescription. `Invalid` if it is none."""
        ...

    async def add_candidate(self, candidate: Mapping[str, Any]) -> None:
        """Take one of the browser's RTCIceCandidates. `Invalid` if it is none."""
        ...


class DisplayPeer(Peer, Protocol):
    """A browser that is shown one display."""

    async def wait_until_display_ended(self) -> None:
        """Return once the display has gone while its pictures were sent."""
        ...


class Displays(Protocol):
    """The displays of workspaces."""

    def watch(self, workspace_id: UUID) -> AbstractAsyncContextManager[Display]:
        """A workspace's display. `NotFound` where it has none, `Unavailable` where it does not answer."""
        ...

    def peer(self, display: Display) -> AbstractAsyncContextManager[DisplayPeer]:
        """A browser that is to be shown this display."""
        ...

    async def neko_url(self, workspace_id: UUID) -> str | None:
        """The WebSocket of a neko in the workspace, which then shows the display itself. None: there is no neko."""
        ...
