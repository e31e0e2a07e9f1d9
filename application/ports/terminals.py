"""Terminals: sessions, what they show, and keys that are typed into them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.errors import NotFound


class PaneNotFound(NotFound):
    """The session is there, and has no such pane."""


@dataclass(frozen=True)
class SeenSession:
    """A tmux session as its server shows it now."""

    host: str  # where
    server: int  # the process id of the tmux server there
    tmux_id: str  # "$3"
    name: str
    windows: int
    created_at: datetime
    owner_id: UUID | None = None  # whose workspace it is in; None: it is everybody's


@dataclass(frozen=True)
class Address:
    """One tmux session, for good: servers that come later give the same ids to others."""

    host: str
    server: int
    tmux_id: str
    created_at: datetime


@dataclass(frozen=True)
class Pane:
    index: int
    active: bool
    width: int  # columns
    height: int  # lines
    content: str  # its screen as plain text


@dataclass(frozen=True)
class Window:
    index: int
    name: str
    active: bool
    panes: tuple[Pane, ...]


@dataclass(frozen=True)
class Shape:
    """A session from outside: its current window, and how many look at it through tmux itself."""

    window: int  # its index
    width: int
    height: int
    attached: int


@dataclass
class Frame:
    """Something for a viewer to write to their terminal; or with `plain`, the whole screen as text."""

    pane: str  # its index
    data: str
    at: datetime
    size: tuple[int, int] | None  # columns and lines, where this begins with a whole screen
    wires: dict[object, str] = field(default_factory=dict)  # what it looks like to clients, made once for all


class View(Protocol):
    """What one viewer of a session sees, from now on."""

    async def next(self) -> Frame:
        """First the whole screen, then what is written, in order. Who falls behind gets the whole screen again.

        `NotFound` when the session has gone.
        """
        ...


class Terminals(Protocol):
    """The tmux servers. A pane is a pane's index in the current window, as text; None: the first one.

    All raise `NotFound` where there is no such session, `PaneNotFound` where the session has no such pane, and
    `Unavailable` where tmux does not answer.
    """

    def had(self) -> bool:
        """Whether there is a tmux at all."""
        ...

    async def of(self, workspace_id: UUID) -> Address:
        """A running workspace's own terminal, made if it has none. `Unavailable` if it cannot be had."""
        ...

    async def resize(self, at: Address, columns: int, lines: int) -> None:
        """For all who look at it, and for windows that come later."""
        ...

    def attached(self, at: Address) -> bool:
        """Whether somebody looks at it through tmux itself."""
        ...

    async def shapes(self, of: Sequence[Address]) -> dict[Address, Shape]:
        """Those that are not there are left out, also all of a server that does not answer."""
        ...

    async def windows(self, at: Address) -> list[Window]: ...

    async def capture(self, at: Address, pane: str | None) -> str:
        """The pane's screen as plain text."""
        ...

    async def type(self, at: Address, pane: str | None, keys: bytes) -> None:
        """These bytes, as if they were typed there; returns when tmux has taken them."""
        ...

    def view(self, at: Address, pane: str | None, *, plain: bool) -> AbstractAsyncContextManager[View]: ...
