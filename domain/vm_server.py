"""The settings of the VM API that administrators change while Tenure runs (N08)."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import TypedDict, cast
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Invalid

NAMESPACE = UUID("a4d0f0d4-3f0e-5a9c-8f60-1f8f5cb5b3a9")
MAX_RATE_S, MAX_COUNT = 86_400, 1_000_000


class VmServerSettings(TypedDict):
    registrations_open: bool
    messages_max_rate: float  # seconds
    messages_max_count: int


class VmServerChanges(TypedDict, total=False):
    """Some of the settings."""

    registrations_open: bool
    messages_max_rate: float
    messages_max_count: int


DEFAULTS: VmServerSettings = {"registrations_open": True, "messages_max_rate": 10, "messages_max_count": 5}


class VmServer(aggregate.Aggregate):
    """The settings that administrators of virtual machines change while Tenure runs."""

    class Event(aggregate.Aggregate.Event):
        pass

    class Opened(aggregate.Aggregate.Created):
        """The settings are about to be changed for the first time."""

    class Configured(Event):
        """Settings were changed."""

        changes: VmServerChanges  # what was set, JSON values only

    @staticmethod
    def id_of() -> UUID:
        return uuid5(NAMESPACE, "server")

    def configure(self, changes: VmServerChanges, now: datetime) -> None:
        """Change some settings. Raises `Invalid`."""
        validate_changes(changes)
        current = dict(self.settings)
        if new := {name: value for name, value in changes.items() if current[name] != value}:
            self._configured(now, cast(VmServerChanges, new))

    @event(Opened)
    def __init__(self, id: UUID, at: datetime) -> None:
        self._id = id
        self.settings: VmServerSettings = {**DEFAULTS}

    @event(Configured)
    def _configured(self, at: datetime, changes: VmServerChanges) -> None:
        self.settings = {**self.settings, **changes}


def validate_changes(changes: VmServerChanges) -> None:
    """Raise `Invalid` for a value that cannot be set."""
    seconds, count = changes.get("messages_max_rate", 1), changes.get("messages_max_count", 1)
    if not isfinite(seconds) or not 0 < seconds <= MAX_RATE_S:
        raise Invalid(f"chat.messages_max_rate must be more than 0, and at most {MAX_RATE_S}, in seconds")
    if not 1 <= count <= MAX_COUNT:
        raise Invalid(f"chat.messages_max_count must be from 1 to {MAX_COUNT}")
