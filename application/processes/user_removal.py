"""Removed users are forgotten; their history stays.

when        then
Removed     delete the user's name, identities and logins
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.user import User


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of a user."""
    match event:
        case User.Removed(originator_id=id):
            yield Do("user.forget", id)
        case User.Forgotten(originator_id=id):
            yield Done("user.forget", id)
