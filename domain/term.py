"""A term: how long something is lent, and when its holder is warned that it ends."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.errors import Invalid

WARNING_LEAD = timedelta(minutes=5)  # before the end; a fifth of the term where that is shorter


def validate_term(seconds: int, longest: timedelta) -> timedelta:
    """A term of so many seconds. `Invalid` if that is not positive, or more than `longest`."""
    if seconds <= 0:
        raise Invalid("ttl_seconds must be a positive number of seconds")
    if seconds > longest.total_seconds():
        raise Invalid(f"ttl_seconds must be at most {longest.total_seconds():.0f} ({longest.days} days)")
    return timedelta(seconds=seconds)


def warning_at(at: datetime, expires_at: datetime) -> datetime:
    """When the holder of a term that was set at `at` is to be warned of its end."""
    return expires_at - min(WARNING_LEAD, max(expires_at - at, timedelta(0)) / 5)
