"""A machine that nobody holds is removed.

when        then
Found       destroy
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.orphan import Orphan


def react(event: Any) -> Iterator[Step]:
    match event:
        case Orphan.Found(originator_id=id, region=region):
            yield Do("orphan.destroy", id, region=region)
        case Orphan.Destroyed(originator_id=id):
            yield Done("orphan.destroy", id)
