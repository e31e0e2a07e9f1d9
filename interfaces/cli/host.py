"""The host of the command line: what commands need from the machine that they run on.

`infra/process/main.py` provides it, since interfaces may not import infra.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # names for a type checker; at run time they cost a web framework
    from application.platform import Platform
    from application.ports.clock import Clock
    from application.ports.people import People
    from projections.query import Queries

Flags = dict[str, Any]  # settings by name; None: not set on the command line


class Stop(Exception):
    """The command has failed. The message is a sentence for people."""


@dataclass(frozen=True)
class Setting:
    """A setting, as `--help` describes it."""

    name: str
    about: str
    default: str
    choices: tuple[str, ...] = ()  # none: any text

    @property
    def flag(self) -> str:
        """The option of the setting."""
        return f"--{self.name.replace('_', '-')}"


@dataclass(frozen=True)
class Started:
    """A Tenure that has just started: its addresses, and what it runs on."""

    version: str
    role: str
    url: str
    provider: str  # of machines: "docker" or "local"
    machines: str  # the directory of local machines, or the engine's address
    has_tmux: bool
    home: str
    database: str | None  # its URL without the password; None: embedded, in home
    push: str | None  # the URL of Redis without the password; None: in process
    dev_header: bool
    proxies: str  # the addresses whose identity header counts; "" for none
    identity_header: str  # in which a proxy names the user
    signs_in: tuple[str, ...] = ()  # the sign-in providers
    dev_login: bool = False  # a name alone signs in: the server is local and private
    owner_link: str | None = None  # the one-time address that makes somebody the owner


class Log(Protocol):
    """The database of one command, without a server: an `interfaces.native.history.HistoryDeps`, and more."""

    @property
    def queries(self) -> Queries: ...
    @property
    def people(self) -> People: ...
    @property
    def platform(self) -> Platform: ...
    @property
    def clock(self) -> Clock: ...

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach the server, by the settings."""
        ...

    @property
    def position(self) -> int:
        """The position in the log that the read models, and so the trail, have reached."""
        ...

    @property
    def behind(self) -> bool:
        """Whether the trail does not reach the end of the log."""
        ...

    async def after(self, position: int) -> None:
        """Return when there is an event after this position."""
        ...


class Host(Protocol):
    """The settings, the database and the server of this machine.

    All methods raise `Stop` where a setting cannot be used, or where something cannot be started.
    """

    def settings(self) -> list[Setting]:
        """Every setting."""
        ...

    def explain(self, flags: Flags) -> list[tuple[str, str, str]]:
        """Each setting's name, value (no passwords) and source."""
        ...

    def url(self) -> str:
        """The URL of the server, by the settings."""
        ...

    def home(self) -> Path:
        """The directory of this installation, by the settings; it may not exist."""
        ...

    def up(self, flags: Flags, starting: Callable[[str], None], started: Callable[[Started], None]) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP. `starting` gets a line before PostgreSQL starts."""
        ...

    def log(self, flags: Flags) -> AbstractAsyncContextManager[Log]:
        """The history in the database of these settings, open until the block is left."""
        ...

    def rotate(self, flags: Flags) -> dict[str, str]:
        """Make new keys to sign tokens with. Returns their ids, by audience."""
        ...

    def appoint(self, flags: Flags, username: str) -> None:
        """Make the account an administrator of virtual machines. Raises `NotFound`."""
        ...

    def set_owner(self, flags: Flags, name: str) -> str:
        """Make a user the owner, by a name or an id. Returns their name with provider and id. Raises `NotFound`."""
        ...

    def rebuild(self, flags: Flags, folded: Callable[[int, int], None]) -> int:
        """Fold every read model anew, and return the number of events. `folded` gets the progress: events, of all."""
        ...
