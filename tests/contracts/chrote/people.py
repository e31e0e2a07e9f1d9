"""Signing people in, as a browser does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.server import WAIT_TIMEOUT_S, Served


@asynccontextmanager
async def browser(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with a cookie jar, who has not signed in."""
    async with httpx.AsyncClient(base_url=tenure.url, timeout=WAIT_TIMEOUT_S) as client:
        yield client


@asynccontextmanager
async def member(tenure: Served, name: str, invite: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has signed in with a name alone. The first one owns the place; others need an invite."""
    async with browser(tenure) as client:
        came = await sign_in(client, name, invite)
        assert came.headers["location"] == "/", came.headers["location"]
        yield client


async def sign_in(client: httpx.AsyncClient, name: str, invite: str | None = None) -> httpx.Response:
    params = {"name": name} | ({"invite": invite} if invite else {})
    came = await client.get("/auth/dev", params=params)
    assert came.status_code == 302, came.text
    return came


async def invited(owner: httpx.AsyncClient, role: str = "viewer", **more: Any) -> str:
    """The token of a new invite."""
    made = await owner.post("/api/invites", json={"role": role, **more})
    assert made.status_code == 201, made.text
    token: str = made.json()["token"]
    return token


def refused(answer: httpx.Response, status: int, code: str, says: str = "") -> None:
    """It is a refusal in CHROTE's shape (C61)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["error"] == code, body
    assert says in body["message"]
    assert body.get("details", {}) == {}
    assert set(body) == {"error", "message"} | ({"details"} if status != 401 else set())
