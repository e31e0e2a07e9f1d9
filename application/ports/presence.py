"""Who is looking at what, now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, eq=False)
class Present:
    """Those who look at a session, each once, who came first first."""

    users: tuple[UUID, ...]


class Attendance(Protocol):
    async def after(self, seen: Present | None) -> Present:
        """The newest, when it is another than what was seen."""
        ...


class Presence(Protocol):
    """Who looks at which session, over all processes. Somebody is there until the block ends, or the process."""

    def here(self, session_id: UUID, user_id: UUID) -> AbstractAsyncContextManager[None]: ...

    async def of(self, session_id: UUID) -> Sequence[UUID]: ...

    def attendance(self, session_id: UUID) -> AbstractAsyncContextManager[Attendance]: ...
