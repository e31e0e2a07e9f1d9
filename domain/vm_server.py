"""How virtual machines are offered here, as administrators set it while the place runs (N08)."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Invalid

NAMESPACE = UUID("a4d0f0d4-3f0e-5a9c-8f60-1f8f5cb5b3a9")
MOST_SECONDS, MOST_COUNT = 86_400, 1_000_000
DEFAULTS: dict[str, Any] = {"registrations_open": True, "messages_max_rate": 10, "messages_max_count": 5}


class VmServer(aggregate.Aggregate):
    """The settings that administrators of virtual machines change while Tenure runs."""

    class Event(aggregate.Aggregate.Event):
        pass

    class Opened(aggregate.Aggregate.Created):
        """The settings are about to be changed for the first time."""

    class Configured(Event):
        """Settings were changed."""

        changes: dict[str, Any]  # what was set, JSON values only

    @staticmethod
    def id_of() -> UUID:
        return uuid5(NAMESPACE, "server")

    def configure(self, changes: dict[str, Any], now: datetime) -> None:
        """Set some of the settings of `DEFAULTS`."""
        validate_changes(changes)
        if new := {name: value for name, value in changes.items() if self.settings[name] != value}:
            self._configured(now, new)

    @event(Opened)
    def __init__(self, id: UUID, at: datetime) -> None:
        self._id = id
        self.settings = dict(DEFAULTS)

    @event(Configured)
    def _configured(self, at: datetime, changes: dict[str, Any]) -> None:
        self.settings |= changes


def validate_changes(changes: dict[str, Any]) -> None:
    """`Invalid` for what cannot be set so."""
    seconds, count = changes.get("messages_max_rate", 1), changes.get("messages_max_count", 1)
    if not isfinite(seconds) or not 0 < seconds <= MOST_SECONDS:
        raise Invalid(f"chat.messages_max_rate must be more than 0, and at most {MOST_SECONDS}, in seconds")
    if not 1 <= count <= MOST_COUNT:
        raise Invalid(f"chat.messages_max_count must be from 1 to {MOST_COUNT}")
