"""News of one aggregate, on whatever server it changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol
from uuid import UUID


class SubjectChanges(Protocol):
    """Tells that an aggregate has changed. What it is now, the caller reads itself."""

    def follow(self, subject: UUID) -> AsyncGenerator[None, None]:
        """Yield once at the start, and after every event of the aggregate with this id.

        Ends when this process shuts down. Raises `Unavailable` when events may have been missed: follow again then.
        """
        ...
