"""People with API keys and SSH keys: they host sessions and join them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Protocol

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from httpx_sse import ServerSentEvent, aconnect_sse

from tests.support.server import WAIT_TIMEOUT_S, Served

Fields = dict[str, Any]
APPROVED = {"status": "approved"}


class Serving(Protocol):
    """Anything with the URL of a running Tenure, in this process or another."""

    @property
    def url(self) -> str: ...


@cache
def public_key(of: str) -> str:
    """An SSH public key that is always the same for the same name."""
    key = Ed25519PrivateKey.from_private_bytes(of.encode().ljust(32, b"\0")[:32]).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@asynccontextmanager
async def keyholder(
    tenure: Serving, name: str, key: str | None = None, **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with an API key: the one passed in, or a new one."""
    async with httpx.AsyncClient(base_url=tenure.url, timeout=WAIT_TIMEOUT_S) as client:
        if key is None:
            answer = await client.post("/api/v1/keys", json={"name": "a test's"}, headers={"x-user": name})
            assert answer.status_code == 201, answer.text
            key = answer.json()["key"]
        client.headers.update({"x-api-key": key, **headers})
        yield client


async def host(client: httpx.AsyncClient, **body: Any) -> Fields:
    """Host a new session, and return it."""
    request = {"machine_id": "default", "region": "local", "pub_key": public_key("owner"), **body}
    answer = await client.post("/sessions", json=request)
    assert answer.status_code == 201, answer.text
    session: Fields = answer.json()
    return session


class Events:
    """An open stream of server-sent events."""

    def __init__(self, response: httpx.Response, events: AsyncIterator[ServerSentEvent]) -> None:
        self.response, self._events = response, events

    async def next(self, kind: str) -> Fields:
        """Check that the next event is of this kind, and return its data."""
        event = await anext(self._events)
        assert event.event == kind, event
        data: Fields = json.loads(event.data)
        return data

    async def ended(self) -> None:
        """Check that the stream ends without another event."""
        async for event in self._events:
            raise AssertionError(event)


@asynccontextmanager
async def watching(client: httpx.AsyncClient, session: Fields) -> AsyncIterator[Events]:
    """Open the owner's stream of a session."""
    path = f"/sse/session/{session['session_id']}/owner"
    async with aconnect_sse(client, "GET", path, timeout=WAIT_TIMEOUT_S) as source:
        assert source.response.status_code == 200, await source.response.aread()
        yield Events(source.response, source.aiter_sse())


@asynccontextmanager
async def asking(
    client: httpx.AsyncClient, session: Fields, key: str = "guest", user: str = "bob"
) -> AsyncIterator[Events]:
    """Ask to join a session as a guest, and open the guest's stream. Leaving the block disconnects."""
    path = f"/sse/session/alias/{session['alias']}/guest"
    body = {"pub_key": key if key.startswith("ssh-") else public_key(key), "user": user}
    async with aconnect_sse(client, "POST", path, json=body, timeout=WAIT_TIMEOUT_S) as source:
        assert source.response.status_code == 200, await source.response.aread()
        yield Events(source.response, source.aiter_sse())


def approval(request: Fields, **other: Any) -> Fields:
    """The body that approves a join request, made from the `join_requested` event."""
    body = {name: request[name] for name in ("pub_key", "user", "client_ip")}
    return body | {"joiner_uuid": request["subject_uuid"]} | other


async def approve(client: httpx.AsyncClient, session: Fields, request: Fields, **other: Any) -> httpx.Response:
    return await client.post(f"/sessions/{session['session_id']}/approve", json=approval(request, **other))


async def reject(client: httpx.AsyncClient, session: Fields, request: Fields) -> httpx.Response:
    path = f"/sessions/{session['session_id']}/reject"
    return await client.post(path, json={"joiner_uuid": request["subject_uuid"]})


async def guests(client: httpx.AsyncClient, session: Fields) -> list[Fields]:
    listed: list[Fields] = (await client.get(f"/sessions/{session['session_id']}/guests")).json()
    return listed


def denied(reason: str) -> Fields:
    """The data of the event that tells a guest they were denied."""
    return {"status": "denied", "reason": reason}


def keys_inside(tenure: Served) -> dict[str, str]:
    """The guests' public keys on all machines of the in-memory engine, by user name."""
    return {guest.user: guest.pub_key for inside in tenure.engine.guests.values() for guest in inside.values()}
