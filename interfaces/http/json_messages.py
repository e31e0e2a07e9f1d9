"""JSON objects that come over sockets: one field says which message it is."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

JsonObject = Mapping[str, object]


def parse_tagged(text: str | bytes, tag: str) -> tuple[str, JsonObject] | None:
    """The text in the field `tag` of a JSON object, and all fields. None for anything else."""
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if isinstance(fields, dict) and isinstance(kind := fields.get(tag), str):
        return kind, fields
    return None
