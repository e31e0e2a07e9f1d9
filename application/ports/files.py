"""The files of running workspaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class FileEntry:
    """An entry of a directory. A link is shown as its target, unless the target is outside the workspace or missing."""

    name: str
    is_directory: bool
    size: int  # bytes
    modified_at: datetime


class Contents(Protocol):
    """The contents of a file that is open for reading."""

    @property
    def is_text(self) -> bool:
        """Whether all of it is UTF-8 without a NUL."""
        ...

    @property
    def size(self) -> int:
        """In bytes, when it was opened."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """The bytes in order, as many as `size`. `Unavailable` if they end earlier."""
        ...


class Files(Protocol):
    """The files of running workspaces, with the rights of the workspace's own user.

    Paths are relative to the workspace's root, as `domain.workspace_path.below_root` returns them. Nothing outside the
    root is opened or changed, even if links are moved meanwhile.

    All raise `NotFound` where nothing is there. They raise `NotAllowed` for an entry that the user may not touch, that
    is neither file nor directory, or that is reached by a link out of the root. They raise `Invalid` for an operation
    that an entry does not have, and `Unavailable` while the workspace does not answer.
    """

    async def list(self, workspace_id: UUID, path: str) -> list[FileEntry]:
        """The entries of a directory, in no order."""
        ...

    def open(self, workspace_id: UUID, path: str) -> AbstractAsyncContextManager[Contents]:
        """A file's contents, open until the block is left."""
        ...

    async def write(self, workspace_id: UUID, path: str, pieces: AsyncIterator[bytes]) -> None:
        """Replace or make a file, with the directories on its way. If `pieces` raises, the old file stays.

        No piece is taken before it is clear that the file can be written.
        """
        ...

    async def delete(self, workspace_id: UUID, path: str) -> None:
        """Delete a file, a link, or a directory with all below it; the root is `NotAllowed`."""
        ...
