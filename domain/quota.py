"""Quotas: how much of each kind one user may hold at once. Administrators change them for a role or for a user."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict, Invalid
from domain.quota_defaults import DEFAULTS, MAX_THINGS, NO_ROLE, Kind

NAMESPACE = UUID("0d6e4a57-3c0b-5a86-8f6e-7b7f7a1c9d42")


class QuotaExceeded(Conflict):
    """The user holds as many as they may. The message says which quota, how many, and how to go on."""

    code = "quota_exceeded"

    def __init__(self, kind: Kind, used: int, amount: int, limit: int) -> None:
        more = "one more" if amount == 1 else f"{amount} more"
        super().__init__(
            f"your quota of {kind} is {limit}, you have {used}, and this needs {more}: "
            f"give some back, or ask an administrator for a larger quota"
        )


class Quotas(aggregate.Aggregate):
    """The quotas that were set, for roles and for single users. One stream holds all of them."""

    class Event(aggregate.Aggregate.Event):
        pass

    class Opened(aggregate.Aggregate.Created):
        """The first quota is about to be set."""

    class Set(Event):
        """A quota was set: for a user, or else for a role."""

        quota: str  # a Kind
        limit: int | None  # None: the one of the role again, or of the role the default
        user_id: UUID | None
        role: str | None

    @staticmethod
    def id_of() -> UUID:
        return uuid5(NAMESPACE, "quotas")

    @event(Opened)
    def __init__(self, id: UUID, at: datetime) -> None:
        self._id = id
        self.by_user: dict[UUID, dict[Kind, int]] = {}
        self.by_role: dict[str, dict[Kind, int]] = {}

    def set_for_user(self, user_id: UUID, kind: str, limit: int | None, now: datetime) -> None:
        """Set a user's quota; None: the one of their role again. Raises `Invalid`."""
        quota = validate_quota(kind, limit)
        if self.by_user.get(user_id, {}).get(quota) != limit:
            self._set(now, str(quota), limit, user_id, None)

    def set_for_role(self, role: str, kind: str, limit: int | None, now: datetime) -> None:
        """Set the quota of all users with a role; None: the default again. Raises `Invalid`."""
        quota = validate_quota(kind, limit)
        if role not in DEFAULTS:
            raise Invalid(f"there is no role {role[:50]!r}; there are {', '.join(DEFAULTS)}")
        if self.by_role.get(role, {}).get(quota) != limit:
            self._set(now, str(quota), limit, None, role)

    def of_role(self, role: str) -> dict[Kind, int]:
        """The quotas of a role."""
        return DEFAULTS[role] | self.by_role.get(role, {})

    def of_user(self, user_id: UUID, role: str) -> dict[Kind, int]:
        """The quotas of a user with this role."""
        return self.of_role(role) | self.by_user.get(user_id, {})

    @event(Set)
    def _set(self, at: datetime, quota: str, limit: int | None, user_id: UUID | None, role: str | None) -> None:
        quotas = (
            self.by_role.setdefault(role or NO_ROLE, {}) if user_id is None else self.by_user.setdefault(user_id, {})
        )
        if limit is None:
            quotas.pop(Kind(quota), None)
        else:
            quotas[Kind(quota)] = limit


def validate_quota(kind: str, limit: int | None) -> Kind:
    """The kind of this name. Raises `Invalid` for an unknown one, and for a limit that is none."""
    if kind not in list(Kind):
        raise Invalid(f"there is no quota {kind[:50]!r}; there are {', '.join(Kind)}")
    if limit is not None and not 0 <= limit <= MAX_THINGS:
        raise Invalid(f"{kind} must be a whole number from 0 to {MAX_THINGS}, or null for the default")
    return Kind(kind)
