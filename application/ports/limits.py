"""Limits on failed attempts and on requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class AttemptLimiter(Protocol):
    """Counts failed attempts, such as wrong tokens, by their source. Both methods raise `TooMany`."""

    async def check(self, source: str) -> None:
        """Return if `source` may make another attempt."""
        ...

    async def record_failure(self, source: str) -> None:
        """Count one failed attempt of `source`."""
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
