"""Revoked API keys are deleted; their history stays.

when        then
Revoked     delete the key's hash and name
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.api_key import ApiKey


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of an API key."""
    match event:
        case ApiKey.Revoked(originator_id=id):
            yield Do("api_key.forget", id)
        case ApiKey.Forgotten(originator_id=id):
            yield Done("api_key.forget", id)
