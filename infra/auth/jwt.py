"""Signs and verifies JSON Web Tokens (RFC 7519) with the keys of `infra.tables.signing_keys`.

Verifying uses public keys in memory and needs no query. A token with an unknown key makes this process read the rows
again, but no more than once a second, however many such tokens arrive.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import jwt

from application.ports.api_keys import Grant
from application.ports.clock import Clock
from application.ports.errors import Unavailable
from domain.scope import Scope
from infra.tables.signing_keys import AUDIENCES, TENURE, Audience, SigningKeys

log = logging.getLogger(__name__)
REQUIRED_CLAIMS = ["iss", "aud", "sub", "exp", "iat", "jti"]
MIN_REFRESH_INTERVAL_S = 1.0  # between readings of the rows
MAX_REFRESH_INTERVAL_S = 60.0  # the rows are read at least so often: otherwise a retired key would never be dropped
MAX_KID_CHARS = 64


class JwtTokens:
    """The `Tokens` port; it also signs and verifies tokens of other audiences."""

    def __init__(self, keys: SigningKeys, clock: Clock, lifetime: timedelta) -> None:
        """`lifetime`: of tokens made from API keys."""
        self._keys, self._clock, self._lifetime = keys, clock, lifetime
        self._public_keys: dict[tuple[str, str], jwt.PyJWK] = {}  # by audience and kid
        self._jwks: list[dict[str, Any]] = []
        self._refreshing = asyncio.Lock()
        self._refreshed_at = float("-inf")  # of time.monotonic()
        self._refresh_error: Unavailable | None = None

    async def run(self) -> None:
        """Refresh the keys that other processes create or retire, until cancelled."""
        while True:
            try:
                await self._refresh(monotonic())
            except Unavailable:
                log.warning("the signing keys cannot be read; the keys in memory stay in use")
            await asyncio.sleep(MAX_REFRESH_INTERVAL_S)

    async def issue(self, grant: Grant) -> tuple[str, int]:
        """Return a token for this grant, and its lifetime in seconds. Raises `Unavailable`."""
        now = self._clock()
        expires_at = min(now + self._lifetime, grant.expires_at or datetime.max.replace(tzinfo=UTC))
        claims = {
            "sub": str(grant.user_id),
            "name": grant.name,
            "scope": " ".join(sorted(grant.scopes)),
            "key": str(grant.key_id),
        }
        token = await self.sign(TENURE, claims, now, expires_at)
        return token, max(1, int((expires_at - now).total_seconds()))

    async def sign(self, audience: Audience, claims: dict[str, Any], now: datetime, expires_at: datetime) -> str:
        """Return a token for this audience with these claims, beside the registered ones. Raises `Unavailable`."""
        registered = {"iss": audience.issuer, "aud": audience.name, "iat": now, "exp": expires_at, "jti": uuid4().hex}
        key = await self._keys.current(audience)
        if (audience.name, key.kid) not in self._public_keys:  # a new key: its token may come back before a refresh
            jwk = key.public_jwk(audience)
            self._public_keys[audience.name, key.kid], self._jwks = jwt.PyJWK(jwk), [jwk, *self._jwks]
        return jwt.encode(registered | claims, key.private, audience.algorithm, {"kid": key.kid})

    async def verify(self, token: str) -> Grant | None:
        """Return the grant of a valid token; None for any other. Raises `Unavailable` for an unknown key."""
        claims = await self.verify_claims(TENURE, token)
        if claims is None:
            return None
        scopes = frozenset(scope for scope in Scope if scope in claims["scope"].split())  # unknown scopes are ignored
        key_id, user_id = UUID(claims["key"]), UUID(claims["sub"])
        return Grant(key_id, user_id, claims["name"], scopes, expiry_of(claims), is_token=True)

    async def verify_claims(self, audience: Audience, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that Tenure signed for this audience and that has not expired; else None.

        Raises `Unavailable` if its key is unknown and the rows cannot be read.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            key = await self._find_key(audience, kid)
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[audience.algorithm],  # not the header's: an attacker could choose that
                audience=audience.name,
                issuer=audience.issuer,
                options={"require": REQUIRED_CLAIMS, "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError):
            return None
        return claims

    async def _find_key(self, audience: Audience, kid: str) -> jwt.PyJWK | None:
        in_memory = any(kid == known_kid for _, known_kid in self._public_keys)  # of whichever audience
        if not in_memory and 0 < len(kid) <= MAX_KID_CHARS:
            await self._refresh(monotonic())
        return self._public_keys.get((audience.name, kid))

    async def public_keys(self) -> list[dict[str, Any]]:
        """Return the public halves of all keys in use, as JWKs (RFC 7517). Raises `Unavailable`."""
        await self._refresh(monotonic() - MIN_REFRESH_INTERVAL_S)
        with_keys = {audience for audience, _ in self._public_keys}
        if missing := [audience for audience in AUDIENCES.values() if audience.name not in with_keys]:
            for audience in missing:
                await self._keys.current(audience)
            await self._refresh(monotonic())
        return self._jwks

    async def _refresh(self, since: float) -> None:
        """Return when the rows have been read after `since`, by this call or another. Raises `Unavailable`."""
        async with self._refreshing:
            if self._refreshed_at < since:
                await asyncio.sleep(max(0.0, self._refreshed_at + MIN_REFRESH_INTERVAL_S - monotonic()))
                self._refreshed_at, self._refresh_error = monotonic(), None
                try:
                    rows = await self._keys.public_jwks()
                    self._public_keys = {(audience, jwk["kid"]): jwt.PyJWK(jwk) for audience, jwk in rows}
                    self._jwks = [jwk for _, jwk in rows]
                except Unavailable as error:
                    self._refresh_error = error
            if self._refresh_error:
                raise self._refresh_error


def expiry_of(claims: dict[str, Any]) -> datetime:
    """When the token with these claims expires."""
    return datetime.fromtimestamp(claims["exp"], UTC)
