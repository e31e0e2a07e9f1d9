"""What an administrator asks of a virtual machine, and what happens to it.

when                              then
StartRequested, StopRequested,    settle: carry it out; do not revive it
RestartRequested, Deleted
Started                           it is settled; tell it what was patched meanwhile, or nothing
StartFailed, Died                 it is settled; revive it, if and when it is to come back
Stopped, Cleared                  it is settled, and there is nothing to tell it
Patched, while it runs            tell it, should whoever patched it not come to do so
Applied                           it was told
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from application.processes.work import Do, Done, Step
from domain.vm_config import VmConfig

MOMENT = timedelta(seconds=5)  # in which whoever patches a machine tells it


def react(event: Any) -> Iterator[Step]:
    match event:
        case VmConfig.StartRequested(originator_id=id) | VmConfig.StopRequested(originator_id=id):
            yield from ordered(id)
        case VmConfig.RestartRequested(originator_id=id) | VmConfig.Deleted(originator_id=id):
            yield from ordered(id)
        case VmConfig.Started(originator_id=id, behind=behind):
            yield Done("vm_config.settle", id)
            yield Do("vm_config.apply", id) if behind else Done("vm_config.apply", id)
            yield Done("vm_config.revive", id)
        case VmConfig.StartFailed(originator_id=id, again_at=at) | VmConfig.Died(originator_id=id, again_at=at):
            yield from lies_still(id)
            yield Do("vm_config.revive", id, at) if at else Done("vm_config.revive", id)
        case VmConfig.Stopped(originator_id=id) | VmConfig.Cleared(originator_id=id):
            yield from lies_still(id)
        case VmConfig.Patched(originator_id=id, at=at, live=True):
            yield Do("vm_config.apply", id, at + MOMENT)
        case VmConfig.Applied(originator_id=id):
            yield Done("vm_config.apply", id)


def ordered(id: UUID) -> Iterator[Step]:
    yield Do("vm_config.settle", id)
    yield Done("vm_config.revive", id)


def lies_still(id: UUID) -> Iterator[Step]:
    yield Done("vm_config.settle", id)
    yield Done("vm_config.apply", id)
