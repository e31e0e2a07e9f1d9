"""The table `signing_keys`: the keys that tokens are signed with, shared by all replicas.

A key is created when one is first needed, and replaced when it is old or rotated. Its private half is then deleted;
the public half stays until the last token signed with it has expired, so that nobody is signed out. Private halves are
sealed if the settings have a secret. Otherwise, anybody who can read the database, or a copy of it, can sign tokens.
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
from infra.settings.tokens import MAX_TOKEN_S
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
LOCK = "select pg_advisory_xact_lock(7306)"
CLOCK_SKEW = timedelta(seconds=60)  # a public half stays for longer than its last token, as clocks of replicas differ
PrivateKey = Any  # one of cryptography's; its type depends on the algorithm


@dataclass(frozen=True)
class Audience:
    """The readers that a token is for. Each has keys of its own, and one algorithm (RFC 7518)."""

    name: str
    issuer: str
    algorithm: str
    max_lifetime: timedelta = timedelta(seconds=MAX_TOKEN_S)  # of one of its tokens


TENURE = Audience("tenure", "tenure", "EdDSA")
WORKSPACE = Audience("clarateach-workspace", "clarateach-portal", "RS256", timedelta(hours=24))
NEPTUNED = Audience("neptuned", "neptuned", "ES256", timedelta(days=30))
AUDIENCES = {audience.name: audience for audience in (TENURE, WORKSPACE, NEPTUNED)}


@dataclass(frozen=True)
class SigningKey:
    """A key to sign with."""

    kid: str
    private: PrivateKey

    def public_jwk(self, audience: Audience) -> dict[str, Any]:
        """Return its public half as a JWK (RFC 7517)."""
        half = public_half(audience, self.private)
        return {**half, "kid": self.kid, "alg": audience.algorithm, "use": "sig"}


class SigningKeys:
    """Reads, creates and replaces signing keys. All methods raise `Unavailable`."""

    def __init__(self, pool: AsyncConnectionPool[Any], clock: Clock, seal: Seal, lifetime: timedelta) -> None:
        """`lifetime`: how long a key signs before it is replaced."""
        self._pool, self._clock, self._seal, self._lifetime = pool, clock, seal, lifetime
        self._unsealed: dict[str, SigningKey] = {}  # by audience

    async def current(self, audience: Audience) -> SigningKey:
        """Return the key that all replicas sign with now. Creates one if there is none, or if it is too old."""
        rows = await fetch_all(self._pool, CURRENT, (audience.name,))
        if not rows:
            return await self._replace(audience, None)
        kid, stored_half, made_at = rows[0]
        if made_at + self._lifetime > self._clock():
            if key := self._unseal(audience, kid, bytes(stored_half)):
                return key
            log.warning("replacing a signing key that was sealed with another secret", extra={"kid": kid})
        return await self._replace(audience, kid)

    def _unseal(self, audience: Audience, kid: str, stored_half: bytes) -> SigningKey | None:
        key = self._unsealed.get(audience.name)
        if key is None or key.kid != kid:
            plain = self._seal.open(stored_half)
            if plain is None:
                return None
            key = self._unsealed[audience.name] = SigningKey(kid, load_der_private_key(plain, None))
        return key

    async def rotate(self, audience: Audience) -> SigningKey:
        """Replace the key of this audience at once. Returns the new one."""
        rows = await fetch_all(self._pool, CURRENT, (audience.name,))
        return await self._replace(audience, rows[0][0] if rows else None)

    async def _replace(self, audience: Audience, old_kid: str | None) -> SigningKey:
        """Replace the key with this id by a new one, or return the key that another process replaced it by."""
        private = await asyncio.to_thread(KEY_GENERATORS[audience.algorithm])
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        new = SigningKey(token_hex(8), private)

        async def replace(conn: AsyncConnection[Any]) -> SigningKey | None:
            async with conn.transaction():
                await conn.execute(LOCK)
                row = await (await conn.execute(CURRENT, (audience.name,))).fetchone()
                if row and row[0] != old_kid:
                    return self._unseal(audience, row[0], bytes(row[1]))
                now = self._clock()
                await conn.execute("delete from signing_keys where ends_at <= %s", (now,))
                await conn.execute(RETIRE, (now + audience.max_lifetime + CLOCK_SKEW, audience.name))
                public = Jsonb(new.public_jwk(audience))
                await conn.execute(INSERT, (new.kid, audience.name, public, self._seal.close(der), now))
                return new

        current = await run_query(self._pool, replace)
        if current is None:
            raise RuntimeError("another replica has another TENURE_SEALING_SECRET; all replicas need the same")
        self._unsealed[audience.name] = current
        return current

    async def public_jwks(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the audience and the public half of every key whose tokens may be valid, newest first."""
        return [(audience, jwk) for audience, jwk in await fetch_all(self._pool, PUBLIC, (self._clock(),))]


KEY_GENERATORS: dict[str, Callable[[], PrivateKey]] = {
    "EdDSA": Ed25519PrivateKey.generate,
    "RS256": lambda: generate_private_key(65537, 2048),
    "ES256": lambda: generate_curve_key(SECP256R1()),
}
JWK_ALGORITHMS: dict[str, Any] = {"EdDSA": OKPAlgorithm, "RS256": RSAAlgorithm, "ES256": ECAlgorithm}


def public_half(audience: Audience, private: PrivateKey) -> dict[str, Any]:
    """Return the public parameters of a key as a JWK without its id and use."""
    jwk: dict[str, Any] = JWK_ALGORITHMS[audience.algorithm].to_jwk(private.public_key(), as_dict=True)
    return {part: jwk[part] for part in ("kty", "crv", "x", "y", "n", "e") if part in jwk}
