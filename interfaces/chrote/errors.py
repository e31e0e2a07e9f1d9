"""Errors as CHROTE writes them (C60 to C62)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from interfaces.http import errors as http_errors

# The contract's code of an error: by the code of the refusal, else by the status.
BY_CODE = {
    "already_claimed": "ALREADY_CLAIMED",
    "invalid_token": "INVALID_TOKEN",
}
BY_STATUS = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    410: "GONE",
    413: "TOO_LARGE",
    421: "MISDIRECTED",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    503: "UNAVAILABLE",
}


class ErrorOut(BaseModel):
    error: str = Field(examples=["NOT_FOUND"])
    message: str = Field(examples=["Session not found"])
    details: dict[str, Any] = Field({}, description="more about the error; not on a 401")


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a router, for the published schema."""
    return http_errors.errors(*statuses, model=ErrorOut)


def render(status: int, code: str, sentence: str) -> Any:
    """The body of an error. A 401 has no details: the contract prints its whole body (C03)."""
    body = {"error": BY_CODE.get(code) or BY_STATUS.get(status, "ERROR"), "message": sentence}
    return body if status == 401 else body | {"details": {}}
