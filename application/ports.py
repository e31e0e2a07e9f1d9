"""What the application needs from the world. `infra/` provides it; tests provide worse."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID


class Unavailable(Exception):
    """A part of the world does not answer now. Whatever was asked may be asked again, later.

    `part` names it for people ("database", "docker"); `retry_after` is in seconds.
    """

    def __init__(self, part: str, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.part = part
        self.retry_after = retry_after


class Impossible(Exception):
    """The world answered, and it is no. Asking again will not help; the message says why, for people."""


class Clock(Protocol):
    """The time, aware and in UTC."""

    def __call__(self) -> datetime: ...


class Ids(Protocol):
    """A new id that nobody can guess."""

    def __call__(self) -> UUID: ...


class People(Protocol):
    """Who is behind a credential. Names are kept here, never in events; deleting a person deletes the rows."""

    async def identify(self, scheme: str, subject: str) -> UUID:
        """The user whom this identity belongs to. One who is seen for the first time is made known."""
        ...

    async def find(self, scheme: str, subject: str) -> UUID | None:
        """The user whom this identity belongs to, if it is known."""
        ...

    async def names(self, scheme: str, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """What these users are called under a scheme; who has no such identity is left out."""
        ...


@dataclass(frozen=True)
class Identity:
    """Somebody as a provider of identities vouches for them."""

    scheme: str  # the provider: "github", "google", "dev"
    subject: str  # their id there, which never changes
    name: str
    email: str | None = None
    email_verified: bool = False
    avatar_url: str | None = None


@dataclass(frozen=True)
class Profile:
    """How a user is shown to others."""

    user_id: UUID
    name: str
    email: str | None
    avatar_url: str | None
    last_seen_at: datetime | None


class Profiles(Protocol):
    """What is known of people who sign in. Rows, so that they can be forgotten."""

    async def known(self, who: Identity) -> UUID | None:
        """The user whom this identity belongs to, or whose verified e-mail it has."""
        ...

    async def keep(self, who: Identity) -> UUID:
        """The same, made known if there is none, linked if they came by another provider, and up to date."""
        ...

    async def profiles(self, user_ids: Sequence[UUID]) -> dict[UUID, Profile]:
        """Who has none is left out."""
        ...

    async def forget(self, user_id: UUID) -> None:
        """Delete their name, e-mail, identities and logins."""
        ...


class LoginTokens(Protocol):
    """Who is signed in, by an unguessable token of which only the hash is kept."""

    async def issue(self, user_id: UUID, now: datetime, lasts: timedelta) -> str:
        """A new token."""
        ...

    async def find(self, token: str, now: datetime, lasts: timedelta) -> UUID | None:
        """Whose it is, if it is still good. It is then good for so long from now on, and its user was seen."""
        ...

    async def end(self, token: str) -> None: ...


class InviteTokens(Protocol):
    """Which invite a token stands for; only its hash is kept."""

    async def issue(self, invite_id: UUID) -> str:
        """A new token: 16 characters that need no quoting in a URL."""
        ...

    async def find(self, token: str) -> UUID | None: ...


class TooMany(Exception):
    """Asked too often. `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many attempts; wait a while")
        self.retry_after = retry_after


class Guesses(Protocol):
    """Counts wrong guesses, by who guesses. Both raise `TooMany`."""

    async def allowed(self, who: str) -> None:
        """Return if they may try."""
        ...

    async def wrong(self, who: str) -> None:
        """They guessed, and were wrong."""
        ...


@dataclass(frozen=True)
class Template:
    """What a workspace is made from. Limits are hard: the engine enforces them."""

    name: str
    image: str
    command: tuple[str, ...] | None = None  # None: what the image starts by itself
    memory_mb: int = 1024
    cpus: float = 1.0
    pids: int = 512
    ports: tuple[int, ...] = ()  # TCP ports inside, each published on a loopback port of the host


@dataclass(frozen=True)
class Machine:
    """A machine as its engine shows it now."""

    workspace_id: UUID
    provider_id: str  # the deterministic name
    engine_id: str  # what the engine calls it; another one after a re-creation
    running: bool
    connection: dict[str, Any] = field(default_factory=dict)  # how to reach it; JSON values only


class Machines(Protocol):
    """An engine that runs machines. Every call converges: asked twice is asked once, found again by label.

    All raise `Unavailable` while the engine does not answer, and `Impossible` where it says no for good.
    """

    provider: str  # "docker", "local": shown to clients

    async def ping(self) -> None:
        """Return if the engine answers."""
        ...

    async def ensure_running(self, workspace_id: UUID, template: Template) -> Machine:
        """The workspace's machine, running: created, started, or found as it is."""
        ...

    async def ensure_stopped(self, workspace_id: UUID) -> None:
        """No process of it runs; its files stay. No machine at all is stopped enough."""
        ...

    async def restart(self, workspace_id: UUID) -> Machine:
        """Stopped and started once more. `Impossible` if there is no machine."""
        ...

    async def ensure_gone(self, workspace_id: UUID) -> None:
        """Neither machine nor snapshots of this workspace are left, nor anything else made for it."""
        ...

    async def snapshot(self, workspace_id: UUID, snapshot_id: UUID) -> int:
        """Keep its files as they are now, under this id. Returns the size in bytes."""
        ...

    async def restore(
        self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID
    ) -> Machine:
        """Its machine made anew from a snapshot, and running. The same operation twice restores once."""
        ...

    async def find(self, workspace_id: UUID) -> Machine | None:
        """The machine of one workspace, if the engine has it."""
        ...

    async def all(self) -> list[Machine]:
        """Every machine on the engine that carries this installation's label."""
        ...


@dataclass(frozen=True)
class SeenSession:
    """A tmux session as its server shows it now."""

    host: str  # which tmux server
    tmux_id: str  # "$3"
    name: str
    windows: int
    created_at: datetime


@dataclass(frozen=True)
class Address:
    """One tmux session, for good: servers that come later give the same ids to others."""

    host: str
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


@dataclass
class Frame:
    """Something for a viewer to write to their terminal; or with `plain`, the whole screen as text."""

    pane: str  # its index
    data: str
    at: datetime
    size: tuple[int, int] | None  # columns and lines, where this begins with a whole screen
    wires: dict[object, bytes] = field(default_factory=dict)  # what it looks like to clients, made once for all


class View(Protocol):
    """What one viewer of a session sees, from now on."""

    async def next(self) -> Frame:
        """First the whole screen, then what is written, in order. Who falls behind gets the whole screen again.

        `NotFound` when the session has gone.
        """
        ...


class Terminals(Protocol):
    """The tmux servers. A pane is a pane's index in the current window, as text; None: the first one.

    All raise `NotFound` where there is no such session or pane, and `Unavailable` where tmux does not answer.
    """

    def had(self) -> bool:
        """Whether there is a tmux at all."""
        ...

    def attached(self, at: Address) -> bool:
        """Whether somebody looks at it through tmux itself."""
        ...

    async def windows(self, at: Address) -> list[Window]: ...

    async def capture(self, at: Address, pane: str | None) -> str:
        """The pane's screen as plain text."""
        ...

    async def type(self, at: Address, pane: str | None, keys: bytes) -> None:
        """These bytes, as if they were typed there; returns when tmux has taken them."""
        ...

    def view(self, at: Address, pane: str | None, *, plain: bool) -> AbstractAsyncContextManager[View]: ...
