"""How often somebody may guess, or ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Guesses(Protocol):
    """Counts wrong guesses, by who guesses. Both raise `TooMany`."""

    async def allowed(self, who: str) -> None:
        """Return if they may try."""
        ...

    async def wrong(self, who: str) -> None:
        """They guessed, and were wrong."""
        ...


@dataclass(frozen=True)
class Rate:
    """How somebody stands with a limit."""

    allowed: bool
    limit: int
    left: int
    resets_in: int  # seconds


class Rates(Protocol):
    """How often somebody has asked for something in the last hour, over all processes."""

    async def hit(self, kind: str, who: str, per_hour: int) -> Rate:
        """They ask once more."""
        ...
