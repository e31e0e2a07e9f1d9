"""API keys and tokens for tests: good ones, and forged ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.tables.signing_keys import KEY_GENERATORS, NEPTUNED, TENURE, Audience
from tests.support.server import WAIT_TIMEOUT_S, Served

KEYS = "/api/v1/keys"


async def new_key(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """Create a key. Returns the answer's body, with the key's text."""
    answer = await client.post(KEYS, json={"name": "a program", **body})
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


async def exchanged(url: str, key: str) -> str:
    """Exchange a key for a token."""
    async with httpx.AsyncClient(base_url=url, timeout=WAIT_TIMEOUT_S) as client:
        answer = await client.post("/token", headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}".strip()}


@asynccontextmanager
async def program(tenure: Served, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends these headers and no other identity."""
    async with httpx.AsyncClient(base_url=tenure.url, headers=headers, timeout=WAIT_TIMEOUT_S) as client:
        yield client


async def resigned(tenure: Served, token: str, audience: Audience = TENURE, **claims: Any) -> str:
    """The same token with other claims (None: without), signed with the key for this audience."""
    current = await tenure.tenure.deps.http.tokens._keys.current(audience)  # type: ignore[attr-defined]
    payload = jwt.decode(token, options={"verify_signature": False}) | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    header = jwt.get_unverified_header(token) | {"alg": audience.algorithm}
    return jwt.encode(payload, current.private, audience.algorithm, header)


async def bad_tokens(tenure: Served, token: str, audience: Audience = TENURE) -> dict[str, str]:
    """Tokens like this one that must be refused, by what is wrong with each."""
    head, body, signature = token.split(".")
    header = jwt.get_unverified_header(token)
    payload = jwt.decode(token, options={"verify_signature": False})
    past = datetime.now(UTC) - timedelta(hours=2)
    stranger, algorithm = KEY_GENERATORS[audience.algorithm](), audience.algorithm
    (public,) = [jwk for jwk in await tenure.tenure.deps.http.tokens.public_keys() if jwk["kid"] == header["kid"]]
    form = (Encoding.Raw, PublicFormat.Raw) if algorithm == "EdDSA" else (Encoding.X962, PublicFormat.UncompressedPoint)
    raw = jwt.PyJWK(public).key.public_bytes(*form)

    async def other(**claims: Any) -> str:
        return await resigned(tenure, token, audience, **claims)

    another = NEPTUNED if audience == TENURE else TENURE
    return {
        "signed for another audience": await resigned(tenure, token, another),
        "signed for another audience, as one of it": await resigned(tenure, token, another, aud=another.name),
        "expired": await other(iat=past, exp=past + timedelta(minutes=15)),
        "of another audience": await other(aud=another.name),
        "of several audiences": await other(aud=["tenure", "neptuned"]),
        "of another issuer": await other(iss="clarateach-portal"),
        "without an end": await other(exp=None),
        "without an audience": await other(aud=None),
        "of a foreign key under our kid": jwt.encode(payload, stranger, algorithm, header),
        "of a foreign key under its own": jwt.encode(payload, stranger, algorithm, {"kid": uuid4().hex}),
        "without a kid": jwt.encode(payload, stranger, algorithm),
        "alg none": f"{part(header | {'alg': 'none'})}.{body}.",
        "alg none, signed": f"{part(header | {'alg': 'none'})}.{body}.{signature}",
        "of the public half as a secret": forged(header | {"alg": "HS256"}, body, raw),
        "without a signature": f"{head}.{body}.",
        "changed": f"{head}.{part(payload | {'sub': str(uuid4())})}.{signature}",
        "cut off": token[:-10],
        "two parts": f"{head}.{body}",
        "no token": "hello",
        "nothing": "",
    }


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(header: dict[str, Any], body: str, secret: bytes) -> str:
    """A token signed with the public key as an HMAC secret: a verifier that trusts `alg` would accept it."""
    unsigned = f"{part(header)}.{body}"
    signature = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
