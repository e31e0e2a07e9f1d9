"""Stories: what happened, what is asked, what follows. One serves aggregates, processes and read models.

Its events are read back through the store's own serializer, so that what a test sees is what a replay sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.utils import get_topic

from application.processes.work import Do, Step
from domain.aggregate import Aggregate
from domain.errors import Refused

ENVELOPE = {"originator_id", "originator_version", "timestamp", "originator_topic"}
ENVELOPE |= {"by", "request_id", "caused_by"}
SUBJECT = UUID("00000000-0000-4000-8000-000000000001")
T0 = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)

_mapper = Application[UUID]().mapper


def stored_and_back(event: Any) -> Any:
    return _mapper.to_domain_event(_mapper.to_stored_event(event))


def facts(event: Any) -> tuple[type, dict[str, Any]]:
    event = stored_and_back(event)
    return type(event), {k: v for k, v in vars(event).items() if k not in ENVELOPE}


@dataclass(frozen=True)
class Story:
    kind: type[Aggregate]
    happened: tuple[tuple[type, dict[str, Any]], ...] = ()

    def given(self, event: type, **facts: Any) -> Story:
        """And then this happened; at T0 unless it says when."""
        return replace(self, happened=(*self.happened, (event, {"at": T0, **facts})))

    @property
    def events(self) -> list[Any]:
        events = []
        for version, (cls, facts) in enumerate(self.happened, start=1):
            envelope: dict[str, Any] = {
                "originator_id": SUBJECT,
                "originator_version": version,
                "timestamp": T0,
            }
            if version == 1:
                envelope["originator_topic"] = get_topic(self.kind)
            events.append(stored_and_back(cls(**envelope, **facts)))
        return events

    @property
    def state(self) -> Any:
        """The aggregate that has lived through it."""
        return reduce(lambda aggregate, event: event.mutate(aggregate), self.events, None)

    def when(self, ask: Callable[..., Any], *args: Any, **more: Any) -> Outcome:
        subject = self.state
        try:
            created = ask(*args, **more) if subject is None else ask(subject, *args, **more)
        except Refused as refusal:
            return Outcome((), refusal)
        return Outcome(tuple(map(facts, (subject or created).collect_events())), None)

    def work(self, processes: Iterable[Callable[[Any], Iterable[Step]]]) -> dict[str, datetime]:
        """What is left to be done, and when."""
        left: dict[str, datetime] = {}
        for event in self.events:
            for process in processes:
                for step in process(event):
                    if isinstance(step, Do):
                        left[step.command] = step.at or event.at
                    else:
                        left.pop(step.command, None)
        return left

    def row(self, evolve: Callable[[Any, Any], Any]) -> Any:
        return reduce(evolve, self.events, None)


@dataclass(frozen=True)
class Outcome:
    followed: tuple[tuple[type, dict[str, Any]], ...]
    refusal: Refused | None

    def then(self, event: type, **facts: Any) -> None:
        """Exactly this followed; at T0 unless it says when."""
        self.then_all((event, facts))

    def then_all(self, *events: tuple[type, dict[str, Any]]) -> None:
        assert self.refusal is None, f"refused: {self.refusal}"
        assert self.followed == tuple((kind, {"at": T0, **facts}) for kind, facts in events)

    def nothing(self) -> None:
        assert self.refusal is None, f"refused: {self.refusal}"
        assert self.followed == ()

    def refused(self, kind: type[Refused], says: str = "") -> None:
        if not isinstance(self.refusal, kind):
            pytest.fail(f"expected {kind.__name__}, got {self.refusal!r} and {self.followed}")
        assert says in str(self.refusal)
