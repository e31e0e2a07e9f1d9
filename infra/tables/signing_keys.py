"""The keys that tokens are signed with: rows, so that every replica signs with the same and knows all of them.

A key is made when one is first needed, and another one when it has become old or is rotated. The private half then
goes; the public half stays until the last token that was signed with it has ended, so that nobody is signed out.
Where the settings have a secret, private halves are sealed with it. Where they have none, whoever reads the database,
or a copy of it, can sign tokens for anybody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from application.ports.clock import Clock
from infra.postgres.rows import fetch_all
from infra.settings.tokens import LONGEST
from infra.tables.seal import Seal
from projections.query import run_query

log = logging.getLogger(__name__)
DDL = """
create table if not exists signing_keys (
    kid text primary key,
    audience text not null,
    public_half jsonb not null,
    private_half bytea,
    made_at timestamptz not null,
    ends_at timestamptz
);
"""
CURRENT = "select kid, private_half, made_at from signing_keys where audience = %s and ends_at is null"
RETIRE = "update signing_keys set ends_at = %s, private_half = null where audience = %s and ends_at is null"
INSERT = "insert into signing_keys (kid, audience, public_half, private_half, made_at) values (%s, %s, %s, %s, %s)"
PUBLIC = "select audience, public_half from signing_keys where ends_at is null or ends_at > %s order by made_at desc"
ONE_AT_A_TIME = "select pg_advisory_xact_lock(7306)"
AFTERWARDS = timedelta(seconds=60)  # that a public half stays beyond its last token: clocks of replicas differ
Private = Any  # of cryptography, whatever the algorithm


@dataclass(frozen=True)
class Audience:
    """For whom tokens are. Each has keys of its own, and one algorithm."""

    name: str
    issuer: str
    algorithm: str
    longest: timedelta = timedelta(seconds=LONGEST)  # that one of its tokens lasts


TENURE = Audience("tenure", "tenure", "EdDSA")
WORKSPACE = Audience("clarateach-workspace", "clarateach-portal", "RS256", timedelta(hours=24))
NEPTUNED = Audience("neptuned", "neptuned", "ES256", timedelta(days=30))
AUDIENCES = {audience.name: audience for audience in (TENURE, WORKSPACE, NEPTUNED)}


@dataclass(frozen=True)
class Current:
    """What is signed with now."""

    kid: str
    private: Private

    def public(self, audience: Audience) -> dict[str, Any]:
        """The other half, as it is published."""
        half = public_half(audience, self.private)
        return {**half, "kid": self.kid, "alg": audience.algorithm, "use": "sig"}


class SigningKeys:
    def __init__(self, pool: AsyncConnectionPool[Any], clock: Clock, seal: Seal, lasts: timedelta) -> None:
        self._pool, self._clock, self._seal, self._lasts = pool, clock, seal, lasts
        self._opened: dict[str, Current] = {}  # by audience

    async def current(self, audience: Audience) -> Current:
        """The key to sign with, as every replica has it at this moment."""
        rows = await fetch_all(self._pool, CURRENT, (audience.name,))
        if not rows:
            return await self._replaced(audience, None)
        kid, kept, made_at = rows[0]
        if made_at + self._lasts > self._clock():
            if found := self._open(audience, kid, bytes(kept)):
                return found
            log.warning("a signing key was sealed otherwise, and is replaced", extra={"kid": kid})
        return await self._replaced(audience, kid)

    def _open(self, audience: Audience, kid: str, kept: bytes) -> Current | None:
        opened = self._opened.get(audience.name)
        if opened is None or opened.kid != kid:
            plain = self._seal.open(kept)
            if plain is None:
                return None
            opened = self._opened[audience.name] = Current(kid, load_der_private_key(plain, None))
        return opened

    async def rotate(self, audience: Audience) -> Current:
        """A new key, whatever there is."""
        rows = await fetch_all(self._pool, CURRENT, (audience.name,))
        return await self._replaced(audience, rows[0][0] if rows else None)

    async def _replaced(self, audience: Audience, instead_of: str | None) -> Current:
        """A new key instead of this one; or what somebody else has replaced it by meanwhile."""
        made = await asyncio.to_thread(MAKERS[audience.algorithm])
        der = made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        new = Current(token_hex(8), made)

        async def replaced(conn: AsyncConnection[Any]) -> Current | None:
            async with conn.transaction():
                await conn.execute(ONE_AT_A_TIME)
                row = await (await conn.execute(CURRENT, (audience.name,))).fetchone()
                if row and row[0] != instead_of:
                    return self._open(audience, row[0], bytes(row[1]))
                now = self._clock()
                await conn.execute("delete from signing_keys where ends_at <= %s", (now,))
                await conn.execute(RETIRE, (now + audience.longest + AFTERWARDS, audience.name))
                public = Jsonb(new.public(audience))
                await conn.execute(INSERT, (new.kid, audience.name, public, self._seal.close(der), now))
                return new

        current = await run_query(self._pool, replaced)
        if current is None:
            raise RuntimeError("another replica seals with another secret; TENURE_SEALING_SECRET must be one for all")
        self._opened[audience.name] = current
        return current

    async def published(self) -> list[tuple[str, dict[str, Any]]]:
        """The public halves of all keys whose tokens may be good, with their audience; newest first."""
        return [(audience, jwk) for audience, jwk in await fetch_all(self._pool, PUBLIC, (self._clock(),))]


MAKERS: dict[str, Callable[[], Private]] = {
    "EdDSA": Ed25519PrivateKey.generate,
    "RS256": lambda: generate_private_key(65537, 2048),
    "ES256": lambda: generate_curve_key(SECP256R1()),
}
KINDS: dict[str, Any] = {"EdDSA": OKPAlgorithm, "RS256": RSAAlgorithm, "ES256": ECAlgorithm}


def public_half(audience: Audience, private: Private) -> dict[str, Any]:
    jwk: dict[str, Any] = KINDS[audience.algorithm].to_jwk(private.public_key(), as_dict=True)
    return {part: jwk[part] for part in ("kty", "crv", "x", "y", "n", "e") if part in jwk}
