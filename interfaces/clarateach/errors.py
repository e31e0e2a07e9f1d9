"""The error bodies of ClaraTeach (T03, T05)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

# A refusal's own code is used where the contract has that code, else the code of its status.
BY_CODE = {code: code.upper() for code in ("already_running", "not_running", "no_seats", "session_not_found")}
BY_STATUS = {
    400: "INVALID_INPUT",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    410: "GONE",
    413: "TOO_LARGE",
    421: "MISDIRECTED",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    503: "UNAVAILABLE",
}


def render(status: int, code: str, message: str) -> Any:
    """The body of an error."""
    return {"error": {"code": BY_CODE.get(code) or BY_STATUS.get(status, "ERROR"), "message": message}}


class Wrong(BaseModel):
    """A code for programs, and a message for people."""

    code: str = Field(examples=["NOT_FOUND"])
    message: str


class APIError(BaseModel):
    """The body of an error."""

    error: Wrong


DESCRIPTIONS = {
    400: "the request is invalid, or conflicts with the present state; the code says which",
    401: "sign in, or send a valid token",
    403: "not allowed with this credential",
    404: "not found, or somebody else's",
    410: "existed, and has been deleted",
    413: "the body is too large",
    429: "too many requests; retry after the seconds in Retry-After",
    503: "a part of the server does not answer; retry after the seconds in Retry-After",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of an operation, for the published schema: its own, and those of every operation."""
    return {
        status: {"model": APIError, "description": DESCRIPTIONS[status]} for status in (*statuses, 403, 413, 429, 503)
    }
