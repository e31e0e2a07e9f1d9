"""Users: members of this installation, and their roles. Names and identities are rows outside the log.

An installation has one owner. Only a link that the installation prints, a request of this machine, or its shell makes
somebody the owner; nobody becomes one by a change of roles.
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

    class Event(aggregate.Aggregate.Event):
        pass

    class Founded(aggregate.Aggregate.Created):
        """The installation has its first owner."""

        owner_id: UUID

    class Transferred(Event):
        """The installation has another owner."""

        owner_id: UUID

    @staticmethod
    def id_of() -> UUID:
        return uuid5(NAMESPACE, "place")

    @event(Founded)
    def __init__(self, id: UUID, at: datetime, owner_id: UUID) -> None:
        self._id = id
        self.owner_id = owner_id

    def transfer(self, owner_id: UUID, now: datetime) -> None:
        if owner_id != self.owner_id:
            self._transferred(now, owner_id)

    @event(Transferred)
    def _transferred(self, at: datetime, owner_id: UUID) -> None:
        self.owner_id = owner_id


class User(aggregate.Aggregate):
    """A member of this installation, and their role."""

    # -- events ---------------------------------------------------------------

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

    # -- commands --------------------------------------------------------------

    @event(Joined)
    def __init__(self, id: UUID, at: datetime, role: str, invite_id: UUID | None) -> None:
        self._id = id
        self.role = Role(role)
        self.joined_at = at
        self.removed_at: datetime | None = None
        self.forgotten = False

    def change_role(self, role: str, *, by: UUID, actor_role: Role, now: datetime) -> None:
        """Give the user another role (C24, C25). `by` has `actor_role`. Raises `Invalid`, `NotAllowed`, `NotFound`."""
        if role not in list(Role):
            raise Invalid(f"there is no role {role!r}; use viewer, operator and admin")
        if role == Role.OWNER:
            raise NotAllowed("Nobody can be made an owner")
        self._require_manageable(by, actor_role, "You cannot change your own role")
        if role != self.role:
            self._role_changed(now, role)

    def raise_to(self, role: Role, now: datetime) -> None:
        """Give the user the role of an invite, unless their own is higher."""
        if not self.role.at_least(role):
            self._role_changed(now, str(role))

    def become_owner(self, now: datetime) -> None:
        """Make the user the owner. Raises `NotFound` for a removed one."""
        if self.removed_at is not None:
            raise NotFound("no such user")
        if self.role != Role.OWNER:
            self._role_changed(now, str(Role.OWNER))

    def give_up_ownership(self, now: datetime) -> None:
        """Make a former owner a viewer: they may be the stranger from whom the installation is taken back."""
        if self.role == Role.OWNER and self.removed_at is None:
            self._role_changed(now, str(Role.VIEWER))

    def remove(self, *, by: UUID, actor_role: Role, now: datetime) -> None:
        """Remove the user (C26). Raises `NotAllowed`, `NotFound`."""
        self._require_manageable(by, actor_role, "You cannot remove yourself")
        self._removed(now)

    def leave(self, now: datetime) -> None:
        """Let the user leave, whatever their role."""
        if self.removed_at is None:
            self._removed(now)

    def forget(self, now: datetime) -> None:
        """Record that the user's names and identities were deleted."""
        if self.removed_at and not self.forgotten:
            self._forgotten(now)

    def _require_manageable(self, by: UUID, actor_role: Role, refusal_of_oneself: str) -> None:
        if self.removed_at is not None:
            raise NotFound("no such user")
        if by == self.id:
            raise NotAllowed(refusal_of_oneself)
        if self.role == Role.OWNER:
            raise NotAllowed("The owner cannot be modified")
        if self.role == Role.ADMIN and actor_role != Role.OWNER:
            raise NotAllowed("Admins cannot modify other admins")

    # -- state ------------------------------------------------------------------

    @event(RoleChanged)
    def _role_changed(self, at: datetime, role: str) -> None:
        self.role = Role(role)

    @event(Removed)
    def _removed(self, at: datetime) -> None:
        self.removed_at = at

    @event(Forgotten)
    def _forgotten(self, at: datetime) -> None:
        self.forgotten = True
