"""What the consoles of virtual machines need from the world: small pictures, and somebody to show them to."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from application.ports.displays import Act, Peer


class Quality(StrEnum):
    FULL = "full"  # every pixel, as often as it changes
    SMALL = "small"  # for narrow lines, and for previews


class Watcher(Peer, Protocol):
    """A browser that watches a machine: pictures go there, and messages go both ways, on a channel of their own."""

    async def choose(self, quality: Quality) -> None:
        """Another quality from the next picture on. `NotFound` when the machine has gone."""
        ...

    async def joined(self) -> None:
        """Until pictures can go there. It may never come to that."""
        ...

    async def heard(self) -> str:
        """What it says next. `NotFound` when it, or the machine, has gone."""
        ...

    def say(self, message: str) -> None:
        """What is said before it listens is lost."""
        ...

    async def act(self, it: Act) -> None:
        """Do this on the machine. `NotFound` when that has gone."""
        ...

    async def let_go(self) -> None:
        """Of all keys and buttons that it holds down."""
        ...


class Consoles(Protocol):
    """Of the machines that run. All raise `NotFound` where one does not, or has no display."""

    async def preview(self, vm: UUID) -> bytes:
        """A small PNG, about half a second old at most; however many ask, few are made."""
        ...

    async def dummy(self) -> bytes:
        """A PNG that stands for the display of a machine that not everybody may see."""
        ...

    def watch(self, vm: UUID, quality: Quality) -> AbstractAsyncContextManager[Watcher]: ...
