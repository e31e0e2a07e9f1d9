"""Which users watch which session now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, eq=False)
class Attendees:
    """The users who watch a session: each once, in the order in which they came."""

    users: tuple[UUID, ...]


class Attendance(Protocol):
    """The attendees of one session, as they change."""

    async def after(self, previous: Attendees | None) -> Attendees:
        """Return the attendees as soon as they differ from `previous`; at once where that is None."""
        ...


class Presence(Protocol):
    """Which users watch which session, over all processes. No method raises while the database does not answer."""

    def track(self, session_id: UUID, user_id: UUID) -> AbstractAsyncContextManager[None]:
        """Count the user as a watcher of the session until the block, or this process, ends."""
        ...

    async def watchers_of(self, session_id: UUID) -> Sequence[UUID]:
        """Return the users who watch the session: each once, in the order in which they came."""
        ...

    def attendance(self, session_id: UUID) -> AbstractAsyncContextManager[Attendance]:
        """Follow the attendees of the session until the block ends."""
        ...
