"""How CHROTE says no (C60 to C62)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from interfaces.http import errors as http_errors

# By the refusal's own code where the contract has a word for it, else by the status.
BY_CODE = {
    "already_claimed": "ALREADY_CLAIMED",
    "claim_required": "CLAIM_REQUIRED",
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
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    503: "UNAVAILABLE",
}


class ErrorOut(BaseModel):
    error: str = Field(examples=["NOT_FOUND"])
    message: str = Field(examples=["Session not found"])
    details: dict[str, Any] = Field({}, description="more, where there is more to say; not on a 401")


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the published schema: a router's refusals."""
    return http_errors.errors(*statuses, model=ErrorOut)


def render(status: int, code: str, sentence: str) -> Any:
    """The body of an error. A 401 has no details: the document prints it whole (C03)."""
    said = {"error": BY_CODE.get(code) or BY_STATUS.get(status, "ERROR"), "message": sentence}
    return said if status == 401 else said | {"details": {}}
