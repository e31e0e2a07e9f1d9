"""How ClaraTeach says no (T03, T05)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

# By the refusal's own code where the contract has a word for it, else by the status.
BY_CODE = {word: word.upper() for word in ("already_running", "not_running", "no_seats", "session_not_found")}
BY_STATUS = {
    400: "INVALID_INPUT",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "TOO_LARGE",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    503: "UNAVAILABLE",
}


def render(status: int, code: str, sentence: str) -> Any:
    """The body of an error."""
    return {"error": {"code": BY_CODE.get(code) or BY_STATUS.get(status, "ERROR"), "message": sentence}}


class Wrong(BaseModel):
    code: str = Field(examples=["NOT_FOUND"])
    message: str


class APIError(BaseModel):
    """What went wrong: a word for programs, and a sentence for people."""

    error: Wrong


DESCRIBED = {
    400: "what was sent makes no sense, or not in the state that things are in; the code says which",
    401: "nobody whom we know is asking",
    403: "not with this credential",
    404: "it is not there, or it is somebody else's",
    413: "the body is too large",
    429: "asked too often; Retry-After says when to ask again",
    503: "a part does not answer now; Retry-After says when to ask again",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the published schema: an operation's refusals, and those that can happen to all."""
    return {status: {"model": APIError, "description": DESCRIBED[status]} for status in (*statuses, 403, 413, 429, 503)}
