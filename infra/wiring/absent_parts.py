"""Stand-ins for what an engine need not have: files and displays of its machines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from application.ports.displays import Display, DisplayPeer, Displays
from application.ports.errors import Unavailable
from application.ports.files import Contents, FileEntry, Files
from application.ports.machines import Machines
from domain.errors import NotFound

NO_FILES = "the files of workspaces cannot be had here"


def files_of(machines: Machines) -> Files:
    """Return the files of its machines; without any, a stand-in that refuses."""
    files: Files | None = getattr(machines, "files", None)
    return files or NoFiles()


class NoFiles:
    """`Files` of machines that share none. Everything raises `Unavailable`."""

    async def list(self, workspace_id: UUID, path: str) -> list[FileEntry]:
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
    """Return the displays of its machines; without any, a stand-in that refuses."""
    displays: Displays | None = getattr(machines, "displays", None)
    return displays or NoDisplays()


class NoDisplays:
    """`Displays` of machines that have none. Watching raises `NotFound`."""

    @asynccontextmanager
    async def watch(self, workspace_id: UUID) -> AsyncIterator[Display]:
        raise NotFound("this seat has no display")
        yield

    @asynccontextmanager
    async def peer(self, display: Display) -> AsyncIterator[DisplayPeer]:
        raise NotFound("this seat has no display")
        yield

    async def neko_url(self, workspace_id: UUID) -> str | None:
        return None
