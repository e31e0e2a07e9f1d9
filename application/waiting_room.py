"""A bound on requests that wait in this process. It is checked first, so that a flood never reaches the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from application.ports.errors import TooMany

RETRY_AFTER_S = 10


@dataclass(frozen=True)
class WaitingRoom:
    """Counts requests that wait for the same thing."""

    max_waiting: int  # at once, for one thing
    _inside: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def enter(self, key: str) -> Iterator[None]:
        """Wait for the length of the block. Raises `TooMany` if `max_waiting` others wait for the same `key`."""
        if self._inside[key] >= self.max_waiting:
            raise TooMany(RETRY_AFTER_S)
        self._inside[key] += 1
        try:
            yield
        finally:
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key]
