"""A person with an account here. Who they are is kept elsewhere, under this id; the log knows what they may do.

The first one founds the place and owns it. Nobody else ever becomes an owner: there is one, until they leave.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Invalid, NotAllowed, NotFound
from domain.role import Role

NAMESPACE = UUID("6f1d3c52-54aa-5c6e-9a0e-2f8f6f0a7f10")


class Place(aggregate.Aggregate):
    """That there is an owner: stored together with them, so that of two who come first one is."""

    class Founded(aggregate.Aggregate.Created):
        """The installation has its first owner."""

        owner_id: UUID

    @staticmethod
    def id_of() -> UUID:
        return uuid5(NAMESPACE, "place")

    @event(Founded)
    def __init__(self, id: UUID, at: datetime, owner_id: UUID) -> None:
        self._id = id
        self.owner_id = owner_id


class User(aggregate.Aggregate):
    """A member of this installation, and their role."""

    # -- what can happen -----------------------------------------------------

    class Event(aggregate.Aggregate.Event):
        pass

    class Joined(aggregate.Aggregate.Created):
        """A user joined, with an invite, by open sign-up or as the first."""

        role: str
        invite_id: UUID | None  # None: the first owner, or open sign-up

    class RoleChanged(Event):
        """The user's role was changed."""

        role: str

    class Removed(Event):
        """The user was removed. What names them is deleted next."""

    class Forgotten(Event):
        """Everything that names the user was deleted."""

    # -- what may be asked ---------------------------------------------------

    @event(Joined)
    def __init__(self, id: UUID, at: datetime, role: str, invite_id: UUID | None) -> None:
        self._id = id
        self.role = Role(role)
        self.joined_at = at
        self.removed_at: datetime | None = None
        self.forgotten = False

    def change_role(self, role: str, *, by: UUID, as_: Role, now: datetime) -> None:
        """Somebody who manages users gives this one another role (C24, C25). `as_` is the role of who asks."""
        if role not in list(Role):
            raise Invalid(f"there is no role {role!r}; there are viewer, operator and admin")
        if role == Role.OWNER:
            raise NotAllowed("Nobody can be made an owner")
        self._touchable(by, as_, "You cannot change your own role")
        if role != self.role:
            self._role_changed(now, role)

    def raise_to(self, role: Role, now: datetime) -> None:
        """What an invite gives: never less than there was."""
        if not self.role.at_least(role):
            self._role_changed(now, str(role))

    def remove(self, *, by: UUID, as_: Role, now: datetime) -> None:
        """Take this person's account away (C26)."""
        self._touchable(by, as_, "You cannot remove yourself")
        self._removed(now)

    def leave(self, now: datetime) -> None:
        """They go by themselves, with their account, whatever their role."""
        if self.removed_at is None:
            self._removed(now)

    def forget(self, now: datetime) -> None:
        """What named them has gone."""
        if self.removed_at and not self.forgotten:
            self._forgotten(now)

    def _touchable(self, by: UUID, as_: Role, oneself: str) -> None:
        if self.removed_at is not None:
            raise NotFound("no such user")
        if by == self.id:
            raise NotAllowed(oneself)
        if self.role == Role.OWNER:
            raise NotAllowed("The owner cannot be modified")
        if self.role == Role.ADMIN and as_ != Role.OWNER:
            raise NotAllowed("Admins cannot modify other admins")

    # -- what it then is -----------------------------------------------------

    @event(RoleChanged)
    def _role_changed(self, at: datetime, role: str) -> None:
        self.role = Role(role)

    @event(Removed)
    def _removed(self, at: datetime) -> None:
        self.removed_at = at

    @event(Forgotten)
    def _forgotten(self, at: datetime) -> None:
        self.forgotten = True
