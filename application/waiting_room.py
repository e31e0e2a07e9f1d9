"""Who waits in this process to join something: counted before anything else is looked at, since it costs nothing.

However many ask at once, no more than may wait are let as far as the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from application.ports.errors import TooMany

RETRY_AFTER = 10  # seconds


@dataclass(frozen=True)
class WaitingRoom:
    most: int  # at once, for the same thing
    _inside: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def enter(self, what: str) -> Iterator[None]:
        """For as long as the block. Raises `TooMany`."""
        if self._inside[what] >= self.most:
            raise TooMany(RETRY_AFTER)
        self._inside[what] += 1
        try:
            yield
        finally:
            self._inside[what] -= 1
            if not self._inside[what]:
                del self._inside[what]
