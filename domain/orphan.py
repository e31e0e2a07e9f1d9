"""An orphan: a machine, network or virtual machine on an engine that bears Tenure's label, but that the log lacks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict, NotFound
from domain.region import LOCAL


class OrphanKind(StrEnum):
    MACHINE = "machine"
    NETWORK = "network"
    VM = "vm"


class Orphan(aggregate.Aggregate):
    """Something on an engine that the log does not hold. It waits for its grace to end, or for an administrator."""

    class Event(aggregate.Aggregate.Event):
        pass

    class Found(aggregate.Aggregate.Created):
        """Something was found that the log does not hold. It is destroyed when its grace is over."""

        workspace_id: UUID  # as its label says: of the workspace, of the workshop of a network, of the virtual machine
        provider: str
        provider_id: str
        engine_id: str
        region: str  # the region it was found in
        kind: str  # machine, network, vm
        # The end of its grace; None: another log may hold it, so that it waits for an administrator.
        destroy_at: datetime | None

        class_version = 3

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["region"] = LOCAL  # the only region then

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            state |= {"kind": str(OrphanKind.MACHINE), "destroy_at": None}  # only machines; destroyed without a grace

    class Held(Event):
        """Its grace does not end any more: another log may hold it. It waits for an administrator."""

    class DestroyRequested(Event):
        """An administrator had it destroyed."""

        region: str

    class Adopted(Event):
        """An administrator took it into the log: it is a workspace from now on."""

        holder_id: UUID

    class Destroyed(Event):
        """It is gone from its engine."""

    @staticmethod
    def id_of(workspace_id: UUID, engine_id: str) -> UUID:
        """The same id for the same machine, however often a sweep finds it."""
        return uuid5(workspace_id, f"orphan:{engine_id}")

    @event(Found)
    def __init__(
        self,
        id: UUID,
        at: datetime,
        workspace_id: UUID,
        provider: str,
        provider_id: str,
        engine_id: str,
        region: str,
        kind: str,
        destroy_at: datetime | None,
    ) -> None:
        self._id = id
        self.workspace_id, self.provider, self.region, self.kind = workspace_id, provider, region, kind
        self.provider_id, self.engine_id, self.destroy_at = provider_id, engine_id, destroy_at
        self.destroy_requested = False
        self.adopted_by: UUID | None = None
        self.destroyed_at: datetime | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to decide."""
        return self.destroyed_at is not None or self.adopted_by is not None

    # -- commands of administrators ---------------------------------------------------

    def request_destruction(self, now: datetime) -> None:
        """Have it destroyed, whatever its grace. Raises `NotFound`."""
        self._require_unsettled()
        if not self.destroy_requested:
            self._destroy_requested(now, self.region)

    def adopt(self, holder_id: UUID, now: datetime) -> None:
        """Take it into the log. Raises `NotFound`, and `Conflict` while it is being destroyed, or for no machine."""
        self._require_unsettled()
        if self.kind != OrphanKind.MACHINE:
            raise Conflict(f"only a machine of a workspace can be adopted, and this is a {self.kind}; destroy it")
        if self.destroy_requested:
            raise Conflict("it is being destroyed")
        self._adopted(now, holder_id)

    def _require_unsettled(self) -> None:
        if self.settled:
            raise NotFound("no such orphan")

    # -- reports: without effect the second time ------------------------------------

    def hold(self, now: datetime) -> None:
        """Keep it beyond its grace."""
        if not self.settled and not self.destroy_requested and self.destroy_at is not None:
            self._withdraw_grace(now)

    def destroyed(self, now: datetime) -> None:
        if not self.settled:
            self._destroyed(now)

    # -- state ------------------------------------------------------------------

    @event(Held)
    def _withdraw_grace(self, at: datetime) -> None:
        self.destroy_at = None

    @event(DestroyRequested)
    def _destroy_requested(self, at: datetime, region: str) -> None:
        self.destroy_requested = True

    @event(Adopted)
    def _adopted(self, at: datetime, holder_id: UUID) -> None:
        self.adopted_by = holder_id

    @event(Destroyed)
    def _destroyed(self, at: datetime) -> None:
        self.destroyed_at = at
