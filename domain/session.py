"""A shared terminal: one tmux session on a machine, for as long as it exists."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate


class Session(aggregate.Aggregate):
    """A shared terminal: one session of a tmux server."""

    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event):
        pass

    class Found(aggregate.Aggregate.Created):
        """A tmux session appeared."""

        host: str  # where: "host", or a workspace's id
        server: int  # the process id of the tmux server there: the next one gives the same ids to others
        tmux_id: str  # "$3": what tmux calls it, for as long as that server lives
        name: str
        windows: int
        created_at: datetime
        owner_id: UUID | None  # whose workspace it is in; None: every member's

    class Renamed(Event):
        """The session was renamed."""

        name: str

    class Resized(Event):
        """The session has another number of windows."""

        windows: int

    class Closed(Event):
        """The session is gone."""

    class FoundAgain(Event):
        """The session is seen again: the same one, on the same tmux server."""

        name: str
        windows: int

    class Grouped(Event):
        """The session shares its windows with others, as sessions of a tmux group do: one claim covers them all."""

        lead_id: UUID  # the session of the group whose claim that is

    @staticmethod
    def id_of(host: str, server: int, tmux_id: str, created_at: datetime) -> UUID:
        """The same id for the same tmux session, whichever process observes it."""
        return uuid5(NAMESPACE, f"{host}:{server}:{tmux_id}:{created_at.timestamp():.0f}")

    # -- reports: without effect the second time ------------------------------------

    @event(Found)
    def __init__(
        self,
        id: UUID,
        at: datetime,
        host: str,
        server: int,
        tmux_id: str,
        name: str,
        windows: int,
        created_at: datetime,
        owner_id: UUID | None,
    ) -> None:
        self._id = id
        self.host, self.server, self.tmux_id = host, server, tmux_id
        self.name, self.windows = name, windows
        self.created_at, self.owner_id = created_at, owner_id
        self.closed_at: datetime | None = None
        self.lead_id: UUID | None = None

    def observe(self, name: str, windows: int, now: datetime) -> None:
        """Record the name and the number of windows that tmux reports, where they are new."""
        if self.closed_at is not None:
            self._found_again(now, name, windows)
        if name != self.name:
            self._renamed(now, name)
        if windows != self.windows:
            self._resized(now, windows)

    def group(self, lead_id: UUID, now: datetime) -> None:
        """Record that the session is in the group of another one, whose claim covers both."""
        if lead_id not in (self.lead_id, self.id):
            self._grouped(now, lead_id)

    def close(self, now: datetime) -> None:
        if self.closed_at is None:
            self._closed(now)

    # -- state ------------------------------------------------------------------

    @event(Renamed)
    def _renamed(self, at: datetime, name: str) -> None:
        self.name = name

    @event(Resized)
    def _resized(self, at: datetime, windows: int) -> None:
        self.windows = windows

    @event(Grouped)
    def _grouped(self, at: datetime, lead_id: UUID) -> None:
        self.lead_id = lead_id

    @event(Closed)
    def _closed(self, at: datetime) -> None:
        self.closed_at = at

    @event(FoundAgain)
    def _found_again(self, at: datetime, name: str, windows: int) -> None:
        self.name, self.windows, self.closed_at = name, windows, None


NAMESPACE = UUID("0b0f9f3e-6d0e-5d58-8f43-5b1c9d7f2a11")
