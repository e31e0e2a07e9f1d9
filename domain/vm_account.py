"""Accounts for virtual machines, and who administers them. Usernames and passwords are rows outside the log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict, Invalid, NotFound
from domain.user_type import UserType

NAMESPACE = UUID("3b0c4a52-8d0b-5f6e-b7a4-9a1c55f0d6e2")


class VmAccount(aggregate.Aggregate):
    """An account for virtual machines, beside a user's role."""

    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event):
        pass

    class Opened(aggregate.Aggregate.Created):
        """An account was opened."""

        owner_id: UUID  # the user
        number: int  # the account's id in the Neptuned contract, a snowflake
        user_type: str

    class TypeChanged(Event):
        """The account's user type was changed."""

        user_type: str

    class PasswordChanged(Event):
        """The password was changed. All logins but one, if any, have ended."""

        kept_token_id: UUID | None  # the login that goes on

    class LoggedOut(Event):
        """One login has ended."""

        token_id: UUID

    class Banned(Event):
        """The account was banned. The reason is a row outside the log."""

    class Unbanned(Event):
        """The ban was lifted."""

    class Closed(Event):
        """The account was closed. What names its holder is deleted next."""

        everything: bool  # false: what other contracts know of the person stays

    class Forgotten(Event):
        """Everything that names the account's holder was deleted."""

    @staticmethod
    def id_of(user_id: UUID) -> UUID:
        return uuid5(NAMESPACE, str(user_id))

    # -- commands --------------------------------------------------------------

    @classmethod
    def open(cls, user_id: UUID, number: int, user_type: str, now: datetime) -> VmAccount:
        return cls(
            id=cls.id_of(user_id), at=now, owner_id=user_id, number=number, user_type=validate_user_type(user_type)
        )

    @event(Opened)
    def __init__(self, id: UUID, at: datetime, owner_id: UUID, number: int, user_type: str) -> None:
        self._id = id
        self.owner_id, self.number, self.user_type = owner_id, number, UserType(user_type)
        self.banned = False
        self.closed_at: datetime | None = None
        self.everything = self.forgotten = False

    @property
    def administers(self) -> bool:
        """Whether the account can administer now: it is an administrator's, not banned and not closed."""
        return self.user_type == UserType.ADMINISTRATOR and not self.banned and self.closed_at is None

    def change_type(self, user_type: str, now: datetime) -> None:
        self._require_open()
        if validate_user_type(user_type) != self.user_type:
            self._type_changed(now, user_type)

    def password_changed(self, kept_token_id: UUID | None, now: datetime) -> None:
        """Record a new password. Every token but this one ends."""
        self._require_open()
        self._password_changed(now, kept_token_id)

    def log_out(self, token_id: UUID, now: datetime) -> None:
        if self.closed_at is None:
            self._logged_out(now, token_id)

    def ban(self, now: datetime) -> None:
        self._require_open()
        if not self.banned:
            self._banned(now)

    def unban(self, now: datetime) -> None:
        self._require_open()
        if self.banned:
            self._unbanned(now)

    def close(self, now: datetime, everything: bool = True) -> None:
        """Close the account, banned or not (N52). Raises `NotFound` if it is closed."""
        self._require_open()
        self._closed(now, everything)

    def forget(self, now: datetime) -> None:
        """Record that the account's rows were deleted."""
        if self.closed_at and not self.forgotten:
            self._forgotten(now)

    def _require_open(self) -> None:
        if self.closed_at is not None:
            raise NotFound("no such user")

    # -- state ------------------------------------------------------------------

    @event(TypeChanged)
    def _type_changed(self, at: datetime, user_type: str) -> None:
        self.user_type = UserType(user_type)

    @event(PasswordChanged)
    def _password_changed(self, at: datetime, kept_token_id: UUID | None) -> None:
        pass

    @event(LoggedOut)
    def _logged_out(self, at: datetime, token_id: UUID) -> None:
        pass

    @event(Banned)
    def _banned(self, at: datetime) -> None:
        self.banned = True

    @event(Unbanned)
    def _unbanned(self, at: datetime) -> None:
        self.banned = False

    @event(Closed)
    def _closed(self, at: datetime, everything: bool) -> None:
        self.closed_at, self.everything = at, everything

    @event(Forgotten)
    def _forgotten(self, at: datetime) -> None:
        self.forgotten = True


class VmAdministrators(aggregate.Aggregate):
    """Those who can administer now: stored together with what changes them, so that one always stays."""

    class Event(aggregate.Aggregate.Event):
        pass

    class Founded(aggregate.Aggregate.Created):
        """The first administrator is about to be appointed."""

    class Appointed(Event):
        """A user can administer virtual machines from now on."""

        user_id: UUID

    class Dismissed(Event):
        """A user cannot administer virtual machines any more."""

        user_id: UUID

    @staticmethod
    def id_of() -> UUID:
        return uuid5(NAMESPACE, "administrators")

    def appoint(self, user_id: UUID, now: datetime) -> None:
        if user_id not in self.user_ids:
            self._appointed(now, user_id)

    def dismiss(self, user_id: UUID, now: datetime) -> None:
        if self.user_ids == [user_id]:
            raise Conflict("this is the last administrator, who cannot be demoted, banned or deleted")
        if user_id in self.user_ids:
            self._dismissed(now, user_id)

    @event(Founded)
    def __init__(self, id: UUID, at: datetime) -> None:
        self._id = id
        self.user_ids: list[UUID] = []

    @event(Appointed)
    def _appointed(self, at: datetime, user_id: UUID) -> None:
        self.user_ids.append(user_id)

    @event(Dismissed)
    def _dismissed(self, at: datetime, user_id: UUID) -> None:
        self.user_ids.remove(user_id)


def validate_user_type(user_type: str) -> UserType:
    """Return the type. Raises `Invalid`."""
    if user_type not in list(UserType):
        raise Invalid(f"there is no user type {user_type!r}; there are {', '.join(UserType)}")
    return UserType(user_type)
