"""A running workspace's files, through the port and through a shell in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

from application.ports.files import FileEntry, Files
from tests.support.engines import Engine


class House:
    """One running workspace, and a shell in it."""

    def __init__(self, engine: Engine, id: UUID, outside: str) -> None:
        self.engine, self.id, self.outside = engine, id, outside
        self.files: Files = engine.machines.files  # type: ignore[attr-defined]

    async def sh(self, script: str, *words: str) -> str:
        """Run a script in the workspace's root. `$O` is a directory outside that its user can write to."""
        output = await asyncio.to_thread(
            self.engine.inside, self.id, "sh", "-c", f"O={self.outside}; {script}", "sh", *words
        )
        return output.decode()

    async def write(self, path: str, *pieces: bytes) -> None:
        await self.files.write(self.id, path, one_by_one(*pieces))

    async def read(self, path: str) -> tuple[bool, bytes]:
        async with self.files.open(self.id, path) as contents:
            data = b"".join([piece async for piece in contents.pieces()])
            assert len(data) == contents.size
            return contents.is_text, data

    async def names(self, path: str = "") -> dict[str, FileEntry]:
        return {entry.name: entry for entry in await self.files.list(self.id, path)}

    async def delete(self, path: str) -> None:
        await self.files.delete(self.id, path)

    def everything(self, path: str) -> list[Callable[[], object]]:
        """Every operation on a path."""
        return [
            lambda: self.files.list(self.id, path),
            lambda: self.read(path),
            lambda: self.write(path, b"written"),
            lambda: self.delete(path),
        ]


async def one_by_one(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
