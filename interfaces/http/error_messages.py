"""The messages of errors that the framework finds: what is wrong with the request, and what to send instead."""

from __future__ import annotations

from typing import Any

from fastapi.exceptions import ValidationException
from starlette.exceptions import HTTPException

MAX_MESSAGE_CHARS = 500  # since a message may quote the request
STATUS_MESSAGES = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the body is larger than this server takes",
}
VALIDATION_MESSAGES = {  # by pydantic's type of the error
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


def printable(message: str) -> str:
    """The message cut to `MAX_MESSAGE_CHARS`, with characters replaced that cannot be printed."""
    short = message if len(message) <= MAX_MESSAGE_CHARS else message[: MAX_MESSAGE_CHARS - 1] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short)


def http_message(error: HTTPException) -> str:
    """The message of an error of the framework."""
    if isinstance(error.__cause__, ValueError | RecursionError):
        return unreadable_body_message(error.__cause__)
    return STATUS_MESSAGES.get(error.status_code, str(error.detail))


def unreadable_body_message(error: Exception) -> str:
    """The message about a body that the JSON parser cannot read, though it is well-formed."""
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8"
    return "the body cannot be read: a number in it has too many digits"


def validation_message(error: ValidationException) -> str:
    """The message about the first field that is invalid."""
    first = error.errors()[0]
    part, *path = map(str, first["loc"])
    if first["type"] == "json_invalid":
        return f"the body is not valid JSON: {first['ctx']['error']}"
    if part == "body" and not path:
        return body_message(first)
    problem = VALIDATION_MESSAGES.get(first["type"], first["msg"].lower()).format(**first.get("ctx", {}))
    return f"{'.'.join(path)}: {problem}"


def body_message(error: Any) -> str:
    """The message about a body that is not an object at all."""
    if isinstance(error["input"], bytes):  # the framework does not parse a body of another content type
        return "send the body as JSON, with Content-Type: application/json"
    return "the body must be a JSON object"
