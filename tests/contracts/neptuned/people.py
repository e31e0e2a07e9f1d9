"""People with accounts for virtual machines, as their clients come."""

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
    """What it says, if it is a success."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def refused(answer: httpx.Response, status: int, says: str = "") -> str:
    """It is a refusal in the contract's shape; its sentence."""
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
    """Somebody who has registered: the first one is an administrator."""
    async with nobody(tenure) as client:
        client.headers.update(bearing(fine(await register(client, username, password))["token"]))
        yield client


async def again(client: httpx.AsyncClient, username: str, password: str = PASSWORD) -> dict[str, str]:
    """The header of another log-in."""
    return bearing(fine(await log_in(client, username, password))["token"])


async def entry(administrator: httpx.AsyncClient, username: str) -> dict[str, Any]:
    """What administrators see of somebody."""
    everybody = fine(await administrator.get(USERS))
    (one,) = [it for it in everybody if it["username"] == username]
    found: dict[str, Any] = one
    return found


async def id_of(administrator: httpx.AsyncClient, username: str) -> str:
    id: str = (await entry(administrator, username))["id"]
    return id


async def ask(administrator: httpx.AsyncClient, id: str, what: str, **body: Any) -> httpx.Response:
    """Something about somebody."""
    return await administrator.post(f"{USERS}/{id}/{what}", json=body)
