"""Where machines run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from application.ports.machines import Machines


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
