"""What the displays of seats need from the world: pictures, keys, and somebody to show them to."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol
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


class Display(Protocol):
    """One that is watched."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        ...

    async def next(self) -> bytes:
        """The picture, when it is another one: rows of pixels, each blue, green, red, and a byte that means nothing.

        `NotFound` when the display has gone.
        """
        ...

    async def act(self, it: Act) -> None: ...


class Peer(Protocol):
    """A browser that the pictures of a display go to, over WebRTC. What it says that makes no sense is `Invalid`."""

    async def offer(self) -> dict[str, Any]:
        """An RTCSessionDescription."""
        ...

    def candidates(self) -> list[dict[str, Any]]:
        """Ours, as RTCIceCandidates, once the offer is made."""
        ...

    async def answered(self, description: dict[str, Any]) -> None: ...

    async def candidate(self, candidate: dict[str, Any]) -> None: ...


class Displays(Protocol):
    def watch(self, workspace_id: UUID) -> AbstractAsyncContextManager[Display]:
        """`NotFound` where the workspace has none, `Unavailable` where it does not answer."""
        ...

    def peer(self, display: Display) -> AbstractAsyncContextManager[Peer]: ...

    async def neko(self, workspace_id: UUID) -> str | None:
        """Where the WebSocket of a neko in the workspace is, if there is one: it then shows the display itself."""
        ...
