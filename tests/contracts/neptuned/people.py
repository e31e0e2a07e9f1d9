"""Requests of people with Neptuned accounts, and checks of the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx

from tests.support.api_keys import bearing
from tests.support.server import WAIT_TIMEOUT_S, Served

BASE = "/api/v0"
USERS = f"{BASE}/admin/users"
PASSWORD = "correct horse"


def fine(answer: httpx.Response) -> Any:
    """Check that the answer is 200 with JSON, and return its body."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def refused(answer: httpx.Response, status: int, says: str = "") -> str:
    """Check that the answer is an error in Neptuned's shape, and return its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"], answer.text
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)
    sentence: str = answer.json()["error"]
    assert says in sentence and sentence.isprintable() and sentence
    return sentence


def hashed(password: str) -> str:
    return sha256(password.encode()).hexdigest()


@asynccontextmanager
async def nobody(tenure: Served, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=tenure.url, headers=headers, timeout=WAIT_TIMEOUT_S) as client:
        yield client


async def register(client: httpx.AsyncClient, username: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post(f"{BASE}/register", json={"username": username, "password": password})


async def log_in(client: httpx.AsyncClient, username: str, password: str = PASSWORD) -> httpx.Response:
    proof = hashed(password)
    return await client.post(f"{BASE}/login", json={"username": username, "password_hash": proof})


@asynccontextmanager
async def person(tenure: Served, username: str, password: str = PASSWORD) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has registered. The first to register is an administrator."""
    async with nobody(tenure) as client:
        client.headers.update(bearing(fine(await register(client, username, password))["token"]))
        yield client


async def again(client: httpx.AsyncClient, username: str, password: str = PASSWORD) -> dict[str, str]:
    """Log in once more, and return the header with the new token."""
    return bearing(fine(await log_in(client, username, password))["token"])


async def entry(administrator: httpx.AsyncClient, username: str) -> dict[str, Any]:
    """A user's row in the list that administrators see."""
    everybody = fine(await administrator.get(USERS))
    (one,) = [account for account in everybody if account["username"] == username]
    row: dict[str, Any] = one
    return row


async def id_of(administrator: httpx.AsyncClient, username: str) -> str:
    id: str = (await entry(administrator, username))["id"]
    return id


async def ask(administrator: httpx.AsyncClient, id: str, action: str, **body: Any) -> httpx.Response:
    """Do an administrator's action on a user, such as `ban`."""
    return await administrator.post(f"{USERS}/{id}/{action}", json=body)
