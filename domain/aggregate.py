"""The base of every aggregate. Each event says when it happened, who asked, and what caused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self
from uuid import UUID

from eventsourcing import domain


class Aggregate(domain.Aggregate):
    """A consistency boundary with one stream of events.

    Public methods decide: they refuse, trigger events, or do nothing where nothing would change. Private `@event`
    methods apply events: they run again at every replay, so they never refuse and never read a clock.
    """

    # By attribute: its name in the history API, where that differs. An annotation would make aggregates dataclasses.
    STATE_NAMES = MappingProxyType[str, str]({})

    class Event(domain.Aggregate.Event):
        """`at` is business time, which the caller passes in; the library's own `timestamp` is the wall clock's."""

        at: datetime
        _: KW_ONLY
        by: UUID | None = None  # the user; None: Tenure itself
        request_id: str = ""  # of the HTTP request, as log lines have it
        caused_by: int | None = None  # the position of the event that led to this one

    class Created(Event, domain.Aggregate.Created):
        pass

    @classmethod
    def resume(cls, first: Any, last: Any) -> Self | None:
        """The aggregate from its first and its newest event; None: it takes all of them.

        For kinds whose streams grow for as long as something is used.
        """
        return None

    def signed(self, *, by: UUID | None, request_id: str, caused_by: int | None) -> Sequence[Any]:
        """Return the new events with the user and the cause on each, and forget them."""
        return [
            replace(event, by=by, request_id=request_id, caused_by=caused_by)  # type: ignore[type-var]
            for event in self.collect_events()
        ]
