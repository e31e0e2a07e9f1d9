"""Virtual machines: carrying out orders, applying patches, and coming back.

when                              then
StartRequested, StopRequested,    settle: carry the order out; do not revive
RestartRequested, Deleted
Started                           settled; apply what was patched meanwhile, if anything
StartFailed, Died                 settled; revive, if and when it is to come back
Stopped, Cleared                  settled; nothing to apply
Patched, while it runs            apply, in case the request that patched it is cut off
Applied                           applied
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from application.processes.work import Do, Done, Step
from domain.vm.vm_config import VmConfig

PATCH_GRACE = timedelta(seconds=5)  # in which the request that patches a machine applies the patch itself


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of a virtual machine."""
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
            yield from settled(id)
            yield Do("vm_config.revive", id, at) if at else Done("vm_config.revive", id)
        case VmConfig.Stopped(originator_id=id) | VmConfig.Cleared(originator_id=id):
            yield from settled(id)
        case VmConfig.Patched(originator_id=id, at=at, live=True):
            yield Do("vm_config.apply", id, at + PATCH_GRACE)
        case VmConfig.Applied(originator_id=id):
            yield Done("vm_config.apply", id)


def ordered(id: UUID) -> Iterator[Step]:
    yield Do("vm_config.settle", id)
    yield Done("vm_config.revive", id)


def settled(id: UUID) -> Iterator[Step]:
    yield Done("vm_config.settle", id)
    yield Done("vm_config.apply", id)
