"""Check answers of Warpdrive's HTTP API."""

from __future__ import annotations

import httpx


def refused(answer: httpx.Response, status: int, code: str | None = None, says: str = "") -> None:
    """Check that the answer is an error in Warpdrive's shape (W35): an `error`, and maybe a `code`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.get("code") == code, body
    assert set(body) == {"error", "code"} if code else {"error"}
    assert body["error"] and says in body["error"], body
