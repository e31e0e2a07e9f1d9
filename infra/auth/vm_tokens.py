"""Login tokens of VM accounts: JWTs, each of which is valid only while it has a row."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

import jwt

from application.ports.vm_accounts import VmLogin
from infra.auth.jwt import JwtTokens, expiry_of
from infra.tables.signing_keys import NEPTUNED
from infra.tables.vm_tokens import VmTokenRows

NAMESPACE = UUID("5f6b7c1e-5a0b-5d52-9b3e-0e4a7bb2a6f4")  # of the ids of rows


class VmJwts:
    """The `VmTokens` port. A row's id is derived from the token's id, and does not lead back to it."""

    def __init__(self, rows: VmTokenRows, tokens: JwtTokens) -> None:
        self._rows, self._tokens = rows, tokens

    async def issue(self, user_id: UUID, number: int, password_hash: str, now: datetime) -> str | None:
        """Return a new token for the account with this number; None if the password has changed meanwhile."""
        jti, expires_at = uuid4().hex, now + NEPTUNED.max_lifetime
        if not await self._rows.add(uuid5(NAMESPACE, jti), user_id, password_hash, now, expires_at):
            return None
        return await self._tokens.sign(NEPTUNED, {"sub": str(number), "jti": jti}, now, expires_at)

    async def find(self, token: str, now: datetime) -> VmLogin | None:
        """Return the login of a valid token; None for any other."""
        # A token of another audience is not verified: looking for its key among these would wait for the rows.
        if unverified_audience(token) != NEPTUNED.name:
            return None
        claims = await self._tokens.verify_claims(NEPTUNED, token)
        if claims is None:
            return None
        id = uuid5(NAMESPACE, claims["jti"])
        user_id = await self._rows.find_user(id, now)
        return VmLogin(user_id, id, expiry_of(claims)) if user_id else None

    async def is_valid(self, token_id: UUID, now: datetime) -> bool:
        """Return whether the token with this id is still valid."""
        return await self._rows.find_user(token_id, now) is not None

    async def revoke(self, token_id: UUID) -> None:
        """Make the token with this id invalid."""
        await self._rows.delete(token_id)


def unverified_audience(token: str) -> Any:
    """Return the audience that the token names, without verifying anything; None if it is no JWT."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("aud")
    except (jwt.PyJWTError, ValueError):
        return None
