"""How Warpdrive says no (W35)."""

from __future__ import annotations

from typing import Any


def render(status: int, code: str, sentence: str) -> Any:
    """The body of an error. Where the status says it all there is no code."""
    return {"error": sentence} if code == "http" else {"error": sentence, "code": code}
