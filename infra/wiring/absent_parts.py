"""Stand-ins for what an engine need not have: files and displays of its machines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from application.ports.displays import Display, Displays, Peer
from application.ports.errors import Unavailable
from application.ports.files import Contents, Files, FileSeen
from application.ports.machines import Machines
from domain.errors import NotFound

NO_FILES = "the files of workspaces cannot be had here"


def files_of(machines: Machines) -> Files:
    """The files of its machines. An engine need not let anybody at them."""
    found: Files | None = getattr(machines, "files", None)
    return found or NoFiles()


class NoFiles:
    """`Files` where there are none to be had."""

    async def list(self, workspace_id: UUID, path: str) -> list[FileSeen]:
        raise Unavailable("workspace", NO_FILES)

    @asynccontextmanager
    async def open(self, workspace_id: UUID, path: str) -> AsyncIterator[Contents]:
        raise Unavailable("workspace", NO_FILES)
        yield

    async def write(self, workspace_id: UUID, path: str, pieces: AsyncIterator[bytes]) -> None:
        raise Unavailable("workspace", NO_FILES)

    async def delete(self, workspace_id: UUID, path: str) -> None:
        raise Unavailable("workspace", NO_FILES)


def displays_of(machines: Machines) -> Displays:
    """The displays of its machines. An engine need not know of any."""
    found: Displays | None = getattr(machines, "displays", None)
    return found or NoDisplays()


class NoDisplays:
    """`Displays` where there are none."""

    @asynccontextmanager
    async def watch(self, workspace_id: UUID) -> AsyncIterator[Display]:
        raise NotFound("this seat has no display")
        yield

    @asynccontextmanager
    async def peer(self, display: Display) -> AsyncIterator[Peer]:
        raise NotFound("this seat has no display")
        yield

    async def neko(self, workspace_id: UUID) -> str | None:
        return None
