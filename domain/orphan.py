"""An orphan: a machine on an engine that bears Tenure's label, but that no workspace in the log holds."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.region import LOCAL


class Orphan(aggregate.Aggregate):
    """A machine on an engine that no workspace of the log holds."""

    class Found(aggregate.Aggregate.Created):
        """A machine without a holder was found. It is destroyed next."""

        workspace_id: UUID  # as its label says
        provider: str
        provider_id: str
        engine_id: str
        region: str  # the region it was found in

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["region"] = LOCAL  # the only region then

    class Destroyed(aggregate.Aggregate.Event):
        """The machine is gone from its engine."""

    @staticmethod
    def id_of(workspace_id: UUID, engine_id: str) -> UUID:
        """The same id for the same machine, however often a sweep finds it."""
        return uuid5(workspace_id, f"orphan:{engine_id}")

    @event(Found)
    def __init__(
        self, id: UUID, at: datetime, workspace_id: UUID, provider: str, provider_id: str, engine_id: str, region: str
    ) -> None:
        self._id = id
        self.workspace_id, self.provider, self.region = workspace_id, provider, region
        self.provider_id, self.engine_id = provider_id, engine_id
        self.destroyed_at: datetime | None = None

    def destroyed(self, now: datetime) -> None:
        if self.destroyed_at is None:
            self._destroyed(now)

    @event(Destroyed)
    def _destroyed(self, at: datetime) -> None:
        self.destroyed_at = at
