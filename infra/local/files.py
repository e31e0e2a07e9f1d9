"""`Files` of machines that are directories of this machine, in threads."""

from __future__ import annotations

import asyncio
import codecs
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from application.ports.errors import Unavailable
from application.ports.files import FileSeen
from infra.local import confined

T = TypeVar("T")
PIECE = 1 << 18
LATEST = 253402300799  # the last second that a date can say


async def alone(do: Callable[[], T]) -> T:
    def run() -> T:
        with confined.troubles():
            return do()

    return await asyncio.to_thread(run)


@dataclass(frozen=True)
class Opened:
    """`Contents`"""

    file: int
    is_text: bool
    size: int

    async def pieces(self) -> AsyncIterator[bytes]:
        at = 0
        while at < self.size:
            piece = await alone(lambda at=at: os.pread(self.file, min(PIECE, self.size - at), at))  # type: ignore[misc]
            if not piece:
                raise Unavailable("workspace", "the file was cut short while it was read")
            at += len(piece)
            yield piece


class LocalFiles:
    def __init__(self, directory: Callable[[UUID], Path]) -> None:
        self._directory = directory

    async def list(self, workspace_id: UUID, path: str) -> list[FileSeen]:
        found = await alone(lambda: confined.listed(self._root(workspace_id), path))
        return [seen(name, it) for name, it in found]

    @asynccontextmanager
    async def open(self, workspace_id: UUID, path: str) -> AsyncIterator[Opened]:
        file = await alone(lambda: confined.opened(self._root(workspace_id), path))
        try:
            size = os.fstat(file).st_size
            yield Opened(file, await alone(lambda: is_text(file, size)), size)
        finally:
            os.close(file)

    async def write(self, workspace_id: UUID, path: str, pieces: AsyncIterator[bytes]) -> None:
        new = confined.written(self._root(workspace_id), path)
        with ExitStack() as stack:
            file = await alone(lambda: stack.enter_context(new))
            async for piece in pieces:
                await alone(lambda piece=piece: write_all(file, piece))  # type: ignore[misc]

    async def delete(self, workspace_id: UUID, path: str) -> None:
        await alone(lambda: confined.delete(self._root(workspace_id), path))

    def _root(self, workspace_id: UUID) -> Path:
        root = self._directory(workspace_id)
        if not root.is_dir():
            raise Unavailable("workspace", "the workspace does not answer")
        return root


def is_text(file: int, size: int) -> bool:
    decoder, at = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        while at < size:
            piece = os.pread(file, min(PIECE, size - at), at)
            if not piece or b"\0" in piece:
                return False
            decoder.decode(piece)
            at += len(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def seen(name: str, it: os.stat_result) -> FileSeen:
    shown = os.fsencode(name).decode(errors="replace")
    at = datetime.fromtimestamp(max(0, min(int(it.st_mtime), LATEST)), UTC)
    return FileSeen(shown, stat.S_ISDIR(it.st_mode), it.st_size, at)
