"""A key that is revoked leaves nothing behind but its history.

when        then
Revoked     forget its hash and its name
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.api_key import ApiKey


def react(event: Any) -> Iterator[Step]:
    match event:
        case ApiKey.Revoked(originator_id=id):
            yield Do("api_key.forget", id)
        case ApiKey.Forgotten(originator_id=id):
            yield Done("api_key.forget", id)
