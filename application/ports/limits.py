"""Limits on failed attempts and on requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Budget:
    """How many attempts of one source are allowed in a minute: `factor` times what the settings say."""

    source: str  # of any text; it is stored hashed where it leaves the process
    factor: int = 1


class Attempt(Protocol):
    """One attempt that was taken from its budgets."""

    async def refund(self) -> None:
        """Give the attempt back to its budgets, since it was no wrong guess."""
        ...


class AttemptLimiter(Protocol):
    """Counts attempts, such as wrong tokens, by their source; in all processes, where they share a Redis."""

    async def take(self, *budgets: Budget) -> Attempt:
        """Take one attempt from every budget, in one step. Raises `TooMany`, and takes nothing, if one is used up."""
        ...

    async def is_proven(self, source: str) -> bool:
        """Whether an attempt of this source was right before, as far as remembered."""
        ...

    async def record_proof(self, source: str) -> None:
        """Remember that an attempt of this source was right."""
        ...


@dataclass(frozen=True)
class RateStatus:
    """A rate limit after one more request."""

    allowed: bool
    limit: int  # requests an hour
    remaining: int
    resets_in_s: int


class RateLimiter(Protocol):
    """Counts the requests of each source over the last hour, in all processes."""

    async def hit(self, kind: str, source: str, per_hour: int) -> RateStatus:
        """Count one request of this kind by `source`."""
        ...
