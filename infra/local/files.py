"""`Files` of machines that are directories of this host, in threads."""

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
from application.ports.files import FileEntry
from infra.local import rooted_fs

T = TypeVar("T")
PIECE_BYTES = 1 << 18
MAX_TIMESTAMP_S = 253402300799  # the end of the year 9999, the last that `datetime` can hold


async def run_in_thread(do: Callable[[], T]) -> T:
    """What `do` returns. An `OSError` becomes an error of the port."""

    def run() -> T:
        with rooted_fs.system_refusals():
            return do()

    return await asyncio.to_thread(run)


@dataclass(frozen=True)
class OpenFile:
    """`Contents` of an open descriptor."""

    descriptor: int
    is_text: bool
    size: int  # bytes

    async def pieces(self) -> AsyncIterator[bytes]:
        offset = 0
        while offset < self.size:
            piece = await run_in_thread(lambda offset=offset: self._read(offset))  # type: ignore[misc]
            if not piece:
                raise Unavailable("workspace", "the file was cut short while it was read")
            offset += len(piece)
            yield piece

    def _read(self, offset: int) -> bytes:
        return os.pread(self.descriptor, min(PIECE_BYTES, self.size - offset), offset)


class LocalFiles:
    """`Files` of the machines whose directories `directory` tells."""

    def __init__(self, directory: Callable[[UUID], Path]) -> None:
        self._directory = directory

    async def list(self, workspace_id: UUID, path: str) -> list[FileEntry]:
        entries = await run_in_thread(lambda: rooted_fs.list_directory(self._root(workspace_id), path))
        return [file_seen(name, status) for name, status in entries]

    @asynccontextmanager
    async def open(self, workspace_id: UUID, path: str) -> AsyncIterator[OpenFile]:
        descriptor = await run_in_thread(lambda: rooted_fs.open_file(self._root(workspace_id), path))
        try:
            size = os.fstat(descriptor).st_size
            yield OpenFile(descriptor, await run_in_thread(lambda: is_text(descriptor, size)), size)
        finally:
            os.close(descriptor)

    async def write(self, workspace_id: UUID, path: str, pieces: AsyncIterator[bytes]) -> None:
        replacement = rooted_fs.replace_file(self._root(workspace_id), path)
        with ExitStack() as stack:
            descriptor = await run_in_thread(lambda: stack.enter_context(replacement))
            async for piece in pieces:
                await run_in_thread(lambda piece=piece: write_all(descriptor, piece))  # type: ignore[misc]

    async def delete(self, workspace_id: UUID, path: str) -> None:
        await run_in_thread(lambda: rooted_fs.delete(self._root(workspace_id), path))

    def _root(self, workspace_id: UUID) -> Path:
        root = self._directory(workspace_id)
        if not root.is_dir():
            raise Unavailable("workspace", "the workspace does not answer")
        return root


def is_text(descriptor: int, size: int) -> bool:
    """Whether the first `size` bytes are UTF-8 without a NUL."""
    decoder, offset = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        while offset < size:
            piece = os.pread(descriptor, min(PIECE_BYTES, size - offset), offset)
            if not piece or b"\0" in piece:
                return False
            decoder.decode(piece)
            offset += len(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: write(2) may take less. `OSError`, as on a full disk."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def file_seen(name: str, status: os.stat_result) -> FileEntry:
    """An entry as the port has it. Bytes of its name that are no UTF-8 become U+FFFD."""
    modified_at = datetime.fromtimestamp(max(0, min(int(status.st_mtime), MAX_TIMESTAMP_S)), UTC)
    is_directory = stat.S_ISDIR(status.st_mode)
    return FileEntry(os.fsencode(name).decode(errors="replace"), is_directory, status.st_size, modified_at)
