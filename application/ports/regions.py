"""Where machines run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from application.ports.machines import Machines


@dataclass(frozen=True)
class Region:
    """A place with an engine that runs machines."""

    name: str
    url: str | None  # of a Docker engine; None: the engine of this installation
    host: str = "127.0.0.1"  # the address under which clients reach published ports
    publish_on: str = "127.0.0.1"  # the address of the engine's host that ports are published on
    tls: tuple[str, str, str] | None = None  # files of the authority, of our certificate and of its key


class Engines(Protocol):
    """The engine of each region."""

    async def at(self, region: str) -> Machines:
        """The engine of a region, which may not answer. `Unavailable` where no region of that name is known."""
        ...
