"""Sign people in, as a browser does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.server import WAIT_TIMEOUT_S, Served


@asynccontextmanager
async def browser(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with a cookie jar that has not signed in."""
    async with httpx.AsyncClient(base_url=tenure.url, timeout=WAIT_TIMEOUT_S) as client:
        yield client


@asynccontextmanager
async def member(tenure: Served, name: str, invite: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that has signed in with a name alone. The first becomes the owner; others need an invite."""
    async with browser(tenure) as client:
        answer = await sign_in(client, name, invite)
        assert answer.headers["location"] == "/", answer.headers["location"]
        yield client


def owning(tenure: Served) -> str:
    """The query that makes whoever signs in the owner: others than requests of this machine need the printed link."""
    link = tenure.tenure.owner_link
    assert link is not None, "this machine may own, or somebody does"
    return f"?invite={link.rpartition('/')[2]}"


async def sign_in(client: httpx.AsyncClient, name: str, invite: str | None = None) -> httpx.Response:
    params = {"name": name} | ({"invite": invite} if invite else {})
    answer = await client.get("/auth/dev", params=params)
    assert answer.status_code == 302, answer.text
    return answer


async def invited(owner: httpx.AsyncClient, role: str = "viewer", **more: Any) -> str:
    """Create an invite and return its token."""
    answer = await owner.post("/api/invites", json={"role": role, **more})
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


def refused(answer: httpx.Response, status: int, code: str, says: str = "") -> None:
    """Check that the answer is an error in CHROTE's shape (C61)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["error"] == code, body
    assert says in body["message"]
    assert body.get("details", {}) == {}
    assert set(body) == {"error", "message"} | ({"details"} if status != 401 else set())
