"""Errors in Warpdrive's shape (W35)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from interfaces.http.errors import DESCRIPTIONS


def render(status: int, code: str, sentence: str) -> Any:
    """The body of an error; without a code where the status says it all."""
    return {"error": sentence} if code == "http" else {"error": sentence, "code": code}


class ErrorOut(BaseModel):
    """What went wrong, as a sentence; and, where that says more than the status, in a word."""

    error: str
    code: str | None = Field(None, examples=["no_join"])


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the published schema: the errors of an operation, and those that every operation may answer."""
    return {
        status: {"model": ErrorOut, "description": DESCRIPTIONS[status]} for status in (*statuses, 400, 401, 429, 503)
    }
