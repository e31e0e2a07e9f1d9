"""An invite to become a member, with a role. The hash of its token is a row outside the log."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Gone, Invalid, NotAllowed
from domain.role import Role

MIN_LIFETIME, MAX_LIFETIME = timedelta(seconds=1), timedelta(days=365)
MAX_USES = 1_000_000
MAX_NOTE_CHARS = 200


class Unusable(Gone):
    """The invite cannot be accepted any more. `code` says why: expired, revoked or exhausted (C32)."""

    def __init__(self, code: str) -> None:
        super().__init__(f"this invite is {code}")
        self.code = code


class Invite(aggregate.Aggregate):
    """An invite: a link that lets people join with a role. The token itself is in no event."""

    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event):
        pass

    class Created(aggregate.Aggregate.Created):
        """An invite was created."""

        created_by: UUID
        role: str
        expires_at: datetime
        max_uses: int | None  # None: any number of people

    class Accepted(Event):
        """A user joined with the invite."""

        user_id: UUID

    class Revoked(Event):
        """The invite was revoked, and is refused from now on."""

    class Expired(Event):
        """The invite's time is over."""

    # -- commands --------------------------------------------------------------

    @classmethod
    def create(
        cls,
        *,
        id: UUID,
        created_by: UUID,
        inviter_role: Role,
        role: str,
        lasts: timedelta,
        max_uses: int | None,
        now: datetime,
    ) -> Invite:
        """Create an invite (C27). Only the owner invites admins. Raises `Invalid`, `NotAllowed`."""
        if role not in list(Role) or role == Role.OWNER:
            raise Invalid(f"an invite cannot be for the role {role!r}; use viewer, operator or admin")
        if role == Role.ADMIN and inviter_role != Role.OWNER:
            raise NotAllowed("Only the owner can invite admins")
        if not MIN_LIFETIME <= lasts <= MAX_LIFETIME:
            raise Invalid("expiresIn must be from 1 second to 365 days")
        if max_uses is not None and not 1 <= max_uses <= MAX_USES:
            raise Invalid(f"max_uses must be from 1 to {MAX_USES}")
        return cls(id=id, at=now, created_by=created_by, role=role, expires_at=now + lasts, max_uses=max_uses)

    @event(Created)
    def __init__(
        self,
        id: UUID,
        at: datetime,
        created_by: UUID,
        role: str,
        expires_at: datetime,
        max_uses: int | None,
    ) -> None:
        self._id = id
        self.created_by, self.role, self.expires_at, self.max_uses = created_by, Role(role), expires_at, max_uses
        self.created_at = at
        self.accepted_by: list[UUID] = []
        self.revoked = self.expired = False

    def require_usable(self, now: datetime) -> None:
        """Return if the invite can be accepted. Raises `Unusable`."""
        if self.revoked:
            raise Unusable("revoked")
        if self.expired or self.expires_at <= now:
            raise Unusable("expired")
        if self.max_uses is not None and len(self.accepted_by) >= self.max_uses:
            raise Unusable("exhausted")

    def accept(self, user_id: UUID, now: datetime) -> bool:
        """Accept the invite, once for each user (C35). Returns False if the user has before. Raises `Unusable`."""
        if user_id in self.accepted_by:
            return False
        self.require_usable(now)
        self._accepted(now, user_id)
        return True

    def revoke(self, now: datetime) -> None:
        if not self.revoked:
            self._revoked(now)

    def expire(self, now: datetime) -> None:
        if not self.expired and not self.revoked and self.expires_at <= now:
            self._expired(now)

    # -- state ------------------------------------------------------------------

    @event(Accepted)
    def _accepted(self, at: datetime, user_id: UUID) -> None:
        self.accepted_by.append(user_id)

    @event(Revoked)
    def _revoked(self, at: datetime) -> None:
        self.revoked = True

    @event(Expired)
    def _expired(self, at: datetime) -> None:
        self.expired = True
