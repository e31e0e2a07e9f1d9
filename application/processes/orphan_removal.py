"""Orphans are destroyed: machines on an engine that the log does not know.

when        then
Found       destroy
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.orphan import Orphan


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of an orphan."""
    match event:
        case Orphan.Found(originator_id=id, region=region):
            yield Do("orphan.destroy", id, region=region)
        case Orphan.Destroyed(originator_id=id):
            yield Done("orphan.destroy", id)
