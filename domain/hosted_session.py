"""A hosted session: a user's machine that others may ask to join by its alias."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Invalid


class JoiningForbidden(Invalid):
    """The session's owner lets nobody join."""

    code = "no_join"


class HostedSession(aggregate.Aggregate):
    """A session on a machine of its own, which others may ask to join."""

    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event):
        pass

    class Opened(aggregate.Aggregate.Created):
        """A session was opened, with a machine of its own."""

        owner_id: UUID
        workspace_id: UUID  # the workspace that is its machine
        alias: str
        no_join: bool  # nobody may ask to join
        machine_id: str
        region: str

    class Ended(Event):
        """The session ended. Its machine is given back."""

        reason: str

    class Cleared(Event):
        """No request or guest is left, and what was stored about them is deleted."""

    @staticmethod
    def id_of(workspace_id: UUID) -> UUID:
        """The id of the session with this machine."""
        return uuid5(workspace_id, "hosted-session")

    # -- commands --------------------------------------------------------------

    @event(Opened)
    def __init__(
        self,
        id: UUID,
        at: datetime,
        owner_id: UUID,
        workspace_id: UUID,
        alias: str,
        no_join: bool,
        machine_id: str,
        region: str,
    ) -> None:
        self._id = id
        self.owner_id, self.workspace_id, self.alias = owner_id, workspace_id, alias
        self.no_join, self.machine_id, self.region = no_join, machine_id, region
        self.started_at = at
        self.ended_because: str | None = None
        self.cleared = False

    @property
    def ended(self) -> bool:
        return self.ended_because is not None

    def require_joinable(self) -> None:
        """Return if others may ask to join. Raises `JoiningForbidden`."""
        if self.no_join:
            raise JoiningForbidden("the owner of this session lets nobody join")

    # -- reports: without effect the second time ------------------------------------

    def end(self, reason: str, now: datetime) -> None:
        if not self.ended:
            self._ended(now, reason)

    def clear(self, now: datetime) -> None:
        if self.ended and not self.cleared:
            self._cleared(now)

    # -- state ------------------------------------------------------------------

    @event(Ended)
    def _ended(self, at: datetime, reason: str) -> None:
        self.ended_because = reason

    @event(Cleared)
    def _cleared(self, at: datetime) -> None:
        self.cleared = True
