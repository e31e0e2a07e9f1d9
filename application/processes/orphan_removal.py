"""Orphans are destroyed when their grace is over, or when an administrator says so.

when                        then
Found                       destroy at the end of the grace, if there is one
DestroyRequested            destroy
Held, Adopted, Destroyed    nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from application.processes.work import Do, Done, Step
from domain.orphan import Orphan


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of an orphan."""
    match event:
        case Orphan.Found(originator_id=id, region=region, destroy_at=datetime() as at):
            yield Do("orphan.destroy", id, at, region=region)
        case Orphan.DestroyRequested(originator_id=id, region=region):
            yield Do("orphan.destroy", id, region=region)
        case Orphan.Held(originator_id=id) | Orphan.Adopted(originator_id=id) | Orphan.Destroyed(originator_id=id):
            yield Done("orphan.destroy", id)
