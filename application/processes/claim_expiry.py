"""Claims expire.

when                                  then
Taken, TakenAgain, Renewed,           expire, when it is due
HandedOver
Released, Expired                     nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.claim import Claim


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of a claim."""
    match event:
        case (
            Claim.Taken(originator_id=id, expires_at=ends)
            | Claim.TakenAgain(originator_id=id, expires_at=ends)
            | Claim.Renewed(originator_id=id, expires_at=ends)
            | Claim.HandedOver(originator_id=id, expires_at=ends)
        ):
            yield Do("claim.expire", id, ends)
        case Claim.Released(originator_id=id) | Claim.Expired(originator_id=id):
            yield Done("claim.expire", id)
