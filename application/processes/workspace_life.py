"""Workspaces: from request to removal.

when                              then
Requested                         provision; give up, if that takes too long;
                                  warn and expire, when that is due
Provisioned, ProvisioningFailed   provisioning is over; clear up what a failure left
OperationRequested                operate, until it is reported
Extended                          warn and expire later
Expired, Deleted                  nothing but: destroy
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from application.processes.work import Do, Done, Step
from domain.workspace import Workspace


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of a workspace."""
    match event:
        case Workspace.Requested(originator_id=id, gives_up_at=gives_up_at, warns_at=warns_at, expires_at=ends):
            yield Do("workspace.provision", id)
            yield Do("workspace.give_up", id, gives_up_at)
            yield from term(id, warns_at, ends)
        case Workspace.Provisioned(originator_id=id):
            yield from all_done(id, "provision", "give_up")
        case Workspace.ProvisioningFailed(originator_id=id):
            yield from all_done(id, "provision", "give_up")
            yield Do("workspace.clear", id)
        case Workspace.Cleared(originator_id=id):
            yield Done("workspace.clear", id)
        case Workspace.OperationRequested(originator_id=id):
            yield Do("workspace.operate", id)
        case (
            Workspace.Started(originator_id=id)
            | Workspace.Stopped(originator_id=id)
            | Workspace.SnapshotTaken(originator_id=id)
            | Workspace.OperationFailed(originator_id=id)
            | Workspace.Vanished(originator_id=id)
        ):
            yield Done("workspace.operate", id)
        case Workspace.Extended(originator_id=id, warns_at=warns_at, expires_at=ends):
            yield from term(id, warns_at, ends)
        case Workspace.ExpiryWarned(originator_id=id):
            yield Done("workspace.warn", id)
        case Workspace.Expired(originator_id=id) | Workspace.Deleted(originator_id=id):
            yield from all_done(id, "provision", "give_up", "clear", "operate", "warn", "expire")
            yield Do("workspace.destroy", id)
        case Workspace.Destroyed(originator_id=id):
            yield Done("workspace.destroy", id)


def term(id: UUID, warns_at: datetime | None, ends: datetime | None) -> Iterator[Step]:
    if ends:
        yield Do("workspace.warn", id, warns_at)
        yield Do("workspace.expire", id, ends)


def all_done(id: UUID, *commands: str) -> Iterator[Step]:
    for command in commands:
        yield Done(f"workspace.{command}", id)
