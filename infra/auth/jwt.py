"""Tokens that say by themselves whom they stand for: JWTs, signed with the keys of `infra.tables.signing_keys`.

A token is verified with public halves that are in memory: nothing is looked up for it. Of a key that is not known
the rows are asked, but no more than once a second, however many unknown ones are named.
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
NEEDED = ["iss", "aud", "sub", "exp", "iat", "jti"]
GAP = 1.0  # seconds between looks at the rows
STALE = 60.0  # seconds, after which they are looked at in any case: what was retired is then known to have ended
LONGEST_KID = 64


class Tokens:
    """The port of that name."""

    def __init__(self, keys: SigningKeys, clock: Clock, lasts: timedelta) -> None:
        self._keys, self._clock, self._lasts = keys, clock, lasts
        self._public: dict[tuple[str, str], jwt.PyJWK] = {}  # by audience and kid
        self._shown: list[dict[str, Any]] = []
        self._looking = asyncio.Lock()
        self._looked = float("-inf")
        self._trouble: Unavailable | None = None

    async def run(self) -> None:
        """Until cancelled: keep up with keys that others have made or retired."""
        while True:
            try:
                await self._look(monotonic())
            except Unavailable:
                log.warning("the signing keys cannot be read; those that are known stay good")
            await asyncio.sleep(STALE)

    async def issue(self, grant: Grant) -> tuple[str, int]:
        now = self._clock()
        ends = min(now + self._lasts, grant.expires_at or datetime.max.replace(tzinfo=UTC))
        about = {
            "sub": str(grant.user_id),
            "name": grant.name,
            "scope": " ".join(sorted(grant.scopes)),
            "key": str(grant.key_id),
        }
        return await self.signed(TENURE, about, now, ends), max(1, int((ends - now).total_seconds()))

    async def signed(self, audience: Audience, about: dict[str, Any], now: datetime, ends: datetime) -> str:
        """A token for this audience that says this."""
        claims = {"iss": audience.issuer, "aud": audience.name, "iat": now, "exp": ends, "jti": uuid4().hex, **about}
        current = await self._keys.current(audience)
        if (audience.name, current.kid) not in self._public:  # it may be new, and the token may be back at once
            public = current.public(audience)
            self._public[audience.name, current.kid], self._shown = jwt.PyJWK(public), [public, *self._shown]
        return jwt.encode(claims, current.private, audience.algorithm, {"kid": current.kid})

    async def verify(self, token: str) -> Grant | None:
        claims = await self.claims(TENURE, token)
        if claims is None:
            return None
        scopes = frozenset(scope for scope in Scope if scope in claims["scope"].split())  # what we know of them
        return Grant(UUID(claims["key"]), UUID(claims["sub"]), claims["name"], scopes, None)

    async def claims(self, audience: Audience, token: str) -> dict[str, Any] | None:
        """What a token for this audience says, if we signed it for that and it has not ended."""
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            key = await self._key(audience, kid)
            if key is None:
                return None
            found: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[audience.algorithm],  # pinned: what the token itself says does not count
                audience=audience.name,
                issuer=audience.issuer,
                options={"require": NEEDED, "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError):
            return None
        return found

    async def _key(self, audience: Audience, kid: str) -> jwt.PyJWK | None:
        known = any(kid == one for _, one in self._public)  # be it another audience's
        if not known and 0 < len(kid) <= LONGEST_KID:
            await self._look(monotonic())
        return self._public.get((audience.name, kid))

    async def published(self) -> list[dict[str, Any]]:
        await self._look(monotonic() - GAP)
        known = {audience for audience, _ in self._public}
        if missing := [audience for audience in AUDIENCES.values() if audience.name not in known]:
            for audience in missing:
                await self._keys.current(audience)
            await self._look(monotonic())
        return self._shown

    async def _look(self, asked: float) -> None:
        """Return when the rows were looked at after this moment, by whomever."""
        async with self._looking:
            if self._looked < asked:
                await asyncio.sleep(max(0.0, self._looked + GAP - monotonic()))
                self._looked, self._trouble = monotonic(), None
                try:
                    found = await self._keys.published()
                    self._public = {(audience, jwk["kid"]): jwt.PyJWK(jwk) for audience, jwk in found}
                    self._shown = [jwk for _, jwk in found]
                except Unavailable as trouble:
                    self._trouble = trouble
            if self._trouble:
                raise self._trouble
