"""Terminals: tmux sessions, what they show, and the keys that are typed into them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.errors import NotFound

MAX_KEYS_BYTES = 12 << 20  # typed at once
TOO_MANY_KEYS = "this is too much to type at once: send at most 12 MiB in one message, and the rest in others"


class PaneNotFound(NotFound):
    """The session is there, and has no such pane."""


@dataclass(frozen=True)
class TmuxSession:
    """A tmux session as its server shows it now."""

    host: str  # the name of the tmux host: this server's own, or a workspace's
    server: int  # the process id of the tmux server there
    tmux_id: str  # "$3"
    name: str
    windows: int  # how many
    created_at: datetime
    owner_id: UUID | None = None  # of the workspace that the session is in; None: the session is everybody's
    group: str = field(default="", compare=False)  # whose sessions share their windows; "" for most sessions
    lead_id: UUID | None = None  # the other session of the group whose claim covers this one


@dataclass(frozen=True)
class Address:
    """One tmux session for good: a later server gives the same `tmux_id` to another session."""

    host: str
    server: int
    tmux_id: str
    created_at: datetime


@dataclass(frozen=True)
class Pane:
    """A pane of a window, with its screen."""

    index: int
    active: bool  # the window's current pane
    width: int  # columns
    height: int  # lines
    content: str  # its screen as plain text


@dataclass(frozen=True)
class Window:
    """A window of a session, with its panes."""

    index: int
    name: str
    active: bool  # the session's current window
    panes: tuple[Pane, ...]


@dataclass(frozen=True)
class Shape:
    """A session's current window, and how many people look at the session through tmux itself."""

    window: int  # its index
    width: int  # columns
    height: int  # lines
    attached: int  # tmux clients without those of Tenure


@dataclass
class Frame:
    """Text for a viewer to write to a terminal; for a plain viewer, the whole screen as text."""

    pane: str  # its index
    data: str
    at: datetime
    size: tuple[int, int] | None  # columns and lines, where the frame begins with a whole screen
    # The frame as the messages of contracts, by contract: made once, and sent to every viewer.
    encodings: dict[object, str] = field(default_factory=dict)


class View(Protocol):
    """One viewer's view of a pane, from now on."""

    async def next(self) -> Frame:
        """The next frame: first the whole screen, then output in order. A slow viewer gets the whole screen again.

        `NotFound` when the session has gone.
        """
        ...


class Terminals(Protocol):
    """The tmux servers. A pane is its index in the current window, as text; None: the first one.

    All raise `NotFound` where there is no such session, `PaneNotFound` where it has no such pane, and `Unavailable`
    where tmux does not answer.
    """

    def is_available(self) -> bool:
        """Whether tmux is installed on this server."""
        ...

    async def of_workspace(self, workspace_id: UUID) -> Address:
        """The terminal of a running workspace of the local region, made if there is none yet."""
        ...

    async def resize(self, at: Address, columns: int, lines: int) -> None:
        """Resize the session's windows for everybody who looks at it, and those that come later."""
        ...

    def is_attached(self, at: Address) -> bool:
        """Whether somebody looks at the session through tmux itself."""
        ...

    async def shapes(self, addresses: Sequence[Address]) -> dict[Address, Shape]:
        """The shapes of these sessions. Those that are gone, or whose server does not answer, are left out."""
        ...

    async def windows(self, at: Address) -> list[Window]:
        """The session's windows and panes with their screens, in tmux's order."""
        ...

    async def capture(self, at: Address, pane: str | None) -> str:
        """The pane's screen as plain text."""
        ...

    async def type(self, at: Address, pane: str | None, keys: bytes) -> None:
        """Type these bytes, at most `MAX_KEYS_BYTES`, into the pane; returns when tmux has taken them.

        Copy mode is left. `Unavailable` where the pane's program has ended.
        """
        ...

    def view(self, at: Address, pane: str | None, *, plain: bool) -> AbstractAsyncContextManager[View]:
        """A view of the pane. `plain`: every frame is the whole screen as text, without control sequences."""
        ...
