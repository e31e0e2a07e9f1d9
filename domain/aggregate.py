"""What every aggregate shares: each of its events says when, by whom, and because of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from eventsourcing import domain


class Aggregate(domain.Aggregate):
    """A consistency boundary with one stream of events.

    Public methods decide: they refuse, or yield events, or yield nothing where it is so already. Private
    `@event` methods apply: they run again at every replay, so they never refuse and never look at a clock.
    """

    # By attribute: its name in the history API, where that differs. An annotation would make aggregates dataclasses.
    STATE_NAMES = MappingProxyType[str, str]({})

    class Event(domain.Aggregate.Event):
        """`at` is business time, given by whoever asks; the envelope's own `timestamp` is the wall clock's."""

        at: datetime
        _: KW_ONLY
        by: UUID | None = None  # the user who asked; None: Tenure itself
        request_id: str = ""  # the outside request, to be found again in the logs
        caused_by: int | None = None  # the position of the event that asked for this one

    class Created(Event, domain.Aggregate.Created):
        pass

    def signed(self, *, by: UUID | None, request_id: str, caused_by: int | None) -> Sequence[Any]:
        """Its new events, with who and why on each. They are handed out once."""
        return [
            replace(event, by=by, request_id=request_id, caused_by=caused_by)  # type: ignore[type-var]
            for event in self.collect_events()
        ]
