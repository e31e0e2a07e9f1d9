"""Every kind of failure of the outside: what a port may raise, as one family."""

from __future__ import annotations


class OutsideFailure(Exception):
    """Something outside Tenure failed. Refusals of the domain are `domain.errors.Refused` instead."""


class Unavailable(OutsideFailure):
    """A part of the system does not answer now. The same request may succeed later.

    `part` names it for people ("database", "docker"); `retry_after` is in seconds.
    """

    def __init__(self, part: str, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.part = part
        self.retry_after = retry_after


class EngineRefused(OutsideFailure):
    """An engine answered and refused. A retry will not help; the message tells people why."""


class ProviderFailed(OutsideFailure):
    """A provider of identities does not answer, refuses, or says what cannot be believed."""


class TooMany(OutsideFailure):
    """Too many requests or attempts. `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many attempts; wait a while")
        self.retry_after = retry_after
