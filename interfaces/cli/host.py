"""What the command line needs from its host. `infra/process/main.py` provides it: interfaces may not import infra."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # names for a type checker; at run time they cost a web framework
    from application.platform import Platform
    from application.ports.clock import Clock
    from application.ports.people import People
    from projections.query import Queries

Flags = dict[str, Any]  # settings by name; None: not set on the command line


class Stop(Exception):
    """The command cannot go on. The message is a sentence for people."""


@dataclass(frozen=True)
class Setting:
    """One that may be set, as `--help` tells it."""

    name: str
    about: str
    default: str
    choices: tuple[str, ...] = ()  # none: whatever fits

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"


@dataclass(frozen=True)
class Started:
    """What a Tenure that has just started found, and where it is."""

    version: str
    role: str
    url: str
    provider: str  # of machines: "docker", "local"
    machines: str  # the directory of local machines, or the engine's address
    has_tmux: bool
    home: str
    database: str | None  # its URL without the password; None: embedded, in home
    push: str | None  # the same of Redis; None: in process
    dev_header: bool
    proxies: str  # whose identity headers count
    signs_in: tuple[str, ...] = ()  # the providers that people sign in with
    dev_login: bool = False  # a name alone signs in


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
    def position(self) -> int:
        """The position up to which the read models, and so the trail, have come."""
        ...

    @property
    def behind(self) -> bool:
        """The trail does not reach to the end of the log."""
        ...

    async def after(self, position: int) -> None:
        """Return when there is something after this position."""
        ...


class World(Protocol):
    """All of these raise `Stop` where a setting cannot be used, or where something cannot be started."""

    def settings(self) -> list[Setting]:
        """Everything that may be set."""
        ...

    def explain(self, flags: Flags) -> list[tuple[str, str, str]]:
        """Each setting's name, value (no passwords) and source."""
        ...

    def url(self) -> str:
        """Where the settings say that the server is."""
        ...

    def up(self, flags: Flags, starting: Callable[[str], None], started: Callable[[Started], None]) -> None:
        """Serve until told to stop by SIGINT or SIGTERM."""
        ...

    def log(self, flags: Flags) -> AbstractAsyncContextManager[Log]:
        """The history, from the database that these settings name, until the block is left."""
        ...

    def rotate(self, flags: Flags) -> dict[str, str]:
        """New keys to sign tokens with. Returns their ids, by audience."""
        ...

    def appoint(self, flags: Flags, username: str) -> None:
        """Let them administer virtual machines. `NotFound`."""
        ...

    def rebuild(self, flags: Flags, folded: Callable[[int, int], None]) -> int:
        """Fold every read model anew, and return how many events there were. `folded` is told how many, of how many."""
        ...
