"""The clock of a process."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time, aware, in UTC: `application.ports.clock.Clock`."""
    return datetime.now(UTC)
