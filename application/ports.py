"""What the application needs from the world. `infra/` provides it; tests provide worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from application.doors import Doors


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

    async def called(self, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The names of those who have signed in and are shown by one."""
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
        """Delete their name, e-mail, identities, logins and the hashes of their API keys."""
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


@dataclass(frozen=True)
class Invitation:
    """That somebody came with an invite. `id` None: its token stands for none."""

    id: UUID | None


@dataclass(frozen=True)
class Attempt:
    """A sign-in under way at a provider. `state` is in the provider's hands, `browser` in a cookie."""

    state: str
    browser: str
    verifier: str  # PKCE: known to who began, and to nobody whom the code meets on its way
    nonce: str  # comes back inside an ID token
    invited: Invitation | None


class Attempts(Protocol):
    """Sign-ins under way. Kept are hashes, for ten minutes."""

    async def begin(self, provider: str, invited: Invitation | None, now: datetime) -> Attempt: ...

    async def take(self, provider: str, state: str, browser: str, now: datetime) -> Attempt | None:
        """The one that this browser began there; once."""
        ...


class ProviderFailed(Exception):
    """A provider of identities does not answer, refuses, or says what cannot be believed."""


class Provider(Protocol):
    """Somebody who can tell who people are, by OAuth 2. Both raise `ProviderFailed`."""

    async def begin(self, redirect_uri: str, attempt: Attempt) -> str:
        """Where to send the browser."""
        ...

    async def finish(self, redirect_uri: str, attempt: Attempt, code: str) -> Identity:
        """Whom the code stands for that the browser came back with."""
        ...


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
    ports: tuple[int, ...] = ()  # TCP ports inside, each published on a port of the host
    disk_mb: int | None = None  # of files of its own; where the engine cannot limit that, its machine says so
    user: str = "tenure"  # the account inside that its holder logs in to
    # What no event tells, found out when a machine is made: never shown, where a template is.
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    network: UUID | None = None  # of those that belong together; None: the one of all


@dataclass(frozen=True)
class Machine:
    """A machine as its engine shows it now."""

    workspace_id: UUID
    provider_id: str  # the deterministic name
    engine_id: str  # what the engine calls it; another one after a re-creation
    running: bool
    connection: dict[str, Any] = field(default_factory=dict)  # how to reach it; JSON values only


class Machines(Doors, Protocol):
    """An engine that runs machines. Every call converges: asked twice is asked once, found again by label.

    All raise `Unavailable` while the engine does not answer, and `Impossible` where it says no for good.
    """

    provider: str  # "docker", "local": shown to clients

    async def ping(self) -> None:
        """Return if the engine answers."""
        ...

    async def has(self, image: str) -> bool:
        """Whether machines can be made from this image without fetching it."""
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

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        """Its machine made anew from a snapshot, and running. The same operation twice restores once."""
        ...

    async def find(self, workspace_id: UUID) -> Machine | None:
        """The machine of one workspace, if the engine has it."""
        ...

    async def all(self) -> list[Machine]:
        """Every machine on the engine that carries this installation's label."""
        ...

    async def networks(self) -> list[UUID]:
        """Those that were made for machines that belong together, and carry this installation's label."""
        ...

    async def ensure_no_network(self, network: UUID) -> None:
        """It is gone. `Unavailable` while there are machines on it."""
        ...

    def close(self) -> None:
        """Let go of the engine; what is under way there ends by itself."""
        ...


@dataclass(frozen=True)
class Region:
    """Where machines run. `tls` are files: of the authority, of our certificate and of its key."""

    name: str
    url: str | None  # of a Docker engine; None: the engine that this place has anyway
    host: str = "127.0.0.1"  # what clients reach published ports under
    publish_on: str = "127.0.0.1"  # the address of the engine's host that ports are published on
    tls: tuple[str, str, str] | None = None


class Engines(Protocol):
    """The engine of each region."""

    async def at(self, region: str) -> Machines:
        """It, which may not answer. `Unavailable` where no region of that name is known here."""
        ...
