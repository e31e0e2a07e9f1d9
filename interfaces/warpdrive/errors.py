"""How Warpdrive says no (W35)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from interfaces.http.errors import DESCRIBED


def render(status: int, code: str, sentence: str) -> Any:
    """The body of an error. Where the status says it all there is no code."""
    return {"error": sentence} if code == "http" else {"error": sentence, "code": code}


class ErrorOut(BaseModel):
    """What went wrong, as a sentence; and, where that says more than the status, in a word."""

    error: str
    code: str | None = Field(None, examples=["no_join"])


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the published schema: an operation's refusals, and those that can happen to all."""
    return {it: {"model": ErrorOut, "description": DESCRIBED[it]} for it in (*statuses, 400, 401, 429, 503)}
