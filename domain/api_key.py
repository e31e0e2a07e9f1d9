"""API keys: credentials for programs. The name and the hash of a key are rows outside the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Invalid, NotFound
from domain.scope import Scope

MIN_LIFETIME, MAX_LIFETIME = timedelta(seconds=1), timedelta(days=3650)


class ApiKey(aggregate.Aggregate):
    """An API key: a credential for programs. The text itself is in no event."""

    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event):
        pass

    class Created(aggregate.Aggregate.Created):
        """A key was created."""

        owner_id: UUID
        scopes: list[str]
        expires_at: datetime | None  # None: it is good until it is revoked

    class Revoked(Event):
        """The key was revoked, and is refused from now on."""

    class Forgotten(Event):
        """The key's hash and name were deleted."""

    # -- commands --------------------------------------------------------------

    @classmethod
    def create(
        cls, *, id: UUID, owner_id: UUID, scopes: Iterable[str], lasts: timedelta | None, now: datetime
    ) -> ApiKey:
        """Create a key that is valid for `lasts`, or until it is revoked. Raises `Invalid`."""
        unique = sorted(set(scopes))
        if unknown := [scope for scope in unique if scope not in list(Scope)]:
            raise Invalid(f"there is no scope {unknown[0]!r}; there are {', '.join(Scope)}")
        if not unique:
            raise Invalid(f"a key needs a scope; there are {', '.join(Scope)}")
        if lasts is not None and not MIN_LIFETIME <= lasts <= MAX_LIFETIME:
            raise Invalid(f"a key lasts from 1 second to {MAX_LIFETIME.days} days")
        return cls(id=id, at=now, owner_id=owner_id, scopes=unique, expires_at=None if lasts is None else now + lasts)

    @event(Created)
    def __init__(self, id: UUID, at: datetime, owner_id: UUID, scopes: list[str], expires_at: datetime | None) -> None:
        self._id = id
        self.owner_id, self.scopes, self.expires_at = owner_id, [Scope(scope) for scope in scopes], expires_at
        self.created_at = at
        self.revoked = self.forgotten = False

    def is_good(self, now: datetime) -> bool:
        return not self.revoked and (self.expires_at is None or now < self.expires_at)

    def revoke(self, now: datetime) -> None:
        """Revoke the key with immediate effect. Raises `NotFound` if it is revoked already."""
        if self.revoked:
            raise NotFound("no such key")
        self._revoked(now)

    def forget(self, now: datetime) -> None:
        """Record that the key's row was deleted."""
        if self.revoked and not self.forgotten:
            self._forgotten(now)

    # -- state ------------------------------------------------------------------

    @event(Revoked)
    def _revoked(self, at: datetime) -> None:
        self.revoked = True

    @event(Forgotten)
    def _forgotten(self, at: datetime) -> None:
        self.forgotten = True
