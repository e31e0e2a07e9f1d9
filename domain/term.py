"""Terms: how long something is lent, and when its holder is warned of the end."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.errors import Invalid

WARNING_LEAD = timedelta(minutes=5)  # where no other is set


def validate_term(seconds: int, max_term: timedelta) -> timedelta:
    """A term of so many seconds. Raises `Invalid` if it is not positive, or more than `max_term`."""
    if seconds <= 0:
        raise Invalid("ttl_seconds must be a positive number of seconds")
    if seconds > max_term.total_seconds():
        raise Invalid(f"ttl_seconds must be at most {max_term.total_seconds():.0f} ({max_term.days} days)")
    return timedelta(seconds=seconds)


def extend(expires_at: datetime, seconds: int, max_term: timedelta, now: datetime) -> datetime:
    """The end of a term that is made longer, counted from its end, or from now if it is over. Raises `Invalid`."""
    extended = max(expires_at, now) + validate_term(seconds, max_term)
    if extended - now > max_term:
        raise Invalid(f"that would end more than {max_term.days} days from now, the longest term there is")
    return extended


def warning_at(at: datetime, expires_at: datetime, lead: timedelta = WARNING_LEAD) -> datetime:
    """When to warn the holder of a term that was set at `at`: `lead` before its end, or a fifth of a short term."""
    return expires_at - min(lead, max(expires_at - at, timedelta(0)) / 5)
