"""What the files of workspaces need from the world. `infra/` provides it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class FileSeen:
    """An entry of a directory. A link is shown as what it leads to, unless that is outside, or nothing."""

    name: str
    is_directory: bool
    size: int  # bytes
    modified_at: datetime


class Contents(Protocol):
    """A file that is open for reading."""

    @property
    def is_text(self) -> bool:
        """Whether all of it is UTF-8, without a NUL."""
        ...

    @property
    def size(self) -> int:
        """In bytes, when it was opened."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """So many bytes as its size says; `Unavailable` if they cannot be had."""
        ...


class Files(Protocol):
    """The files of running workspaces, as their own user may use them. Paths are as `below_root` leaves them.

    All raise `NotFound` where there is nothing, `NotAllowed` for what is not this user's to touch, is neither file nor
    directory, or is reached by a link that leaves the workspace's root; `Invalid` for what cannot be done with a
    thing that is there, and `Unavailable` while the workspace does not answer. Nothing outside the root is opened
    or changed, whatever happens to links meanwhile.
    """

    async def list(self, workspace_id: UUID, path: str) -> list[FileSeen]:
        """In no order."""
        ...

    def open(self, workspace_id: UUID, path: str) -> AbstractAsyncContextManager[Contents]: ...

    async def write(self, workspace_id: UUID, path: str, pieces: AsyncIterator[bytes]) -> None:
        """The file's new contents, with what directories it takes. All of them, or, if `pieces` raises, none.

        Nothing is taken from `pieces` before it is clear that the file can be written.
        """
        ...

    async def delete(self, workspace_id: UUID, path: str) -> None:
        """A file, a link, or a directory with all that is in it; not the root."""
        ...
