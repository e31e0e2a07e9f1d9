"""What was wrong with a request, as a sentence that helps whoever sent it."""

from __future__ import annotations

from typing import Any

from fastapi.exceptions import ValidationException
from starlette.exceptions import HTTPException

LONGEST = 500  # characters; a sentence may quote what was sent
STATUS = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the body is larger than this server takes",
}
WRONG = {
    "missing": "it is needed",
    "int_type": "it must be a whole number, and not in quotes",
    "int_parsing": "it must be a whole number",
    "int_parsing_size": "it must be a whole number, and not that long",
    "string_type": "it must be text, in quotes",
    "string_unicode": "it must be text",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "string_pattern_mismatch": "it must look like {pattern}",
    "string_too_long": "it must have at most {max_length} characters",
    "uuid_parsing": "it must be a UUID, such as 550e8400-e29b-41d4-a716-446655440000",
    "datetime_from_date_parsing": "it must be a time, such as 2030-01-16T10:30:00Z",
    "datetime_parsing": "it must be a time, such as 2030-01-16T10:30:00Z",
}


def shown(sentence: str) -> str:
    """It, fit for an answer: what cannot be printed is replaced, and it has an end."""
    short = sentence if len(sentence) <= LONGEST else sentence[: LONGEST - 1] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short)


def of_http(error: HTTPException) -> str:
    if isinstance(error.__cause__, ValueError | RecursionError):
        return of_unreadable(error.__cause__)
    return STATUS.get(error.status_code, str(error.detail))


def of_unreadable(why: Exception) -> str:
    """Of a body that cannot be read, though it is not malformed JSON."""
    if isinstance(why, RecursionError):
        return "the body is nested too deeply"
    if isinstance(why, UnicodeDecodeError):
        return "the body is not UTF-8"
    return "the body cannot be read: a number in it has too many digits"


def of_validation(error: ValidationException) -> str:
    """Of the first thing that is wrong."""
    first = error.errors()[0]
    where, *path = map(str, first["loc"])
    if first["type"] == "json_invalid":
        return f"the body is not valid JSON: {first['ctx']['error']}"
    if where == "body" and not path:
        return of_body(first)
    wrong = WRONG.get(first["type"], first["msg"].lower()).format(**first.get("ctx", {}))
    return f"{'.'.join(path)}: {wrong}"


def of_body(error: Any) -> str:
    if isinstance(error["input"], bytes):  # it was not even tried
        return "send the body as JSON, with Content-Type: application/json"
    return "the body must be a JSON object"
