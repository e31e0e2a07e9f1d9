"""The consoles of virtual machines: small pictures, and browsers that watch and use a machine."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from application.ports.displays import Act, Peer


class Quality(StrEnum):
    """How a machine's video is made."""

    FULL = "full"  # every pixel, as often as it changes
    SMALL = "small"  # for slow connections, and for previews


class ConsoleViewer(Peer, Protocol):
    """A browser that watches a machine. Messages go both ways on a data channel beside the video."""

    async def choose_quality(self, quality: Quality) -> None:
        """Send another quality from the next picture on. `NotFound` when the machine has gone."""
        ...

    async def wait_until_joined(self) -> None:
        """Wait until the browser can be sent pictures. That may never come."""
        ...

    async def receive(self) -> str:
        """The browser's next message. `NotFound` when the browser or the machine has gone."""
        ...

    def send(self, message: str) -> None:
        """Send a message. It is lost if the channel is not open yet."""
        ...

    async def act(self, act: Act) -> None:
        """Do this on the machine. `NotFound` when the machine has gone."""
        ...

    async def release_all(self) -> None:
        """Release all keys and buttons that the browser holds down. `NotFound` when the machine has gone."""
        ...


class Consoles(Protocol):
    """The consoles of running machines. All raise `NotFound` where a machine does not run, or has no display."""

    async def preview(self, vm: UUID) -> bytes:
        """A small PNG, half a second old at most. One picture serves all callers."""
        ...

    async def dummy(self) -> bytes:
        """A PNG in place of the display of a private machine."""
        ...

    def watch(self, vm: UUID, quality: Quality) -> AbstractAsyncContextManager[ConsoleViewer]:
        """A browser that is to watch a machine."""
        ...
