"""Whoever was removed leaves nothing behind but their history.

when        then
Removed     forget their name, their identities and their cookies
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.user import User


def react(event: Any) -> Iterator[Step]:
    match event:
        case User.Removed(originator_id=id):
            yield Do("user.forget", id)
        case User.Forgotten(originator_id=id):
            yield Done("user.forget", id)
