"""Tokens of people who have logged in for virtual machines: JWTs, each with a row, without which it opens nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

import jwt
from psycopg_pool import AsyncConnectionPool

from infra.auth.jwt import Tokens
from infra.postgres.rows import fetch_all
from infra.tables.signing_keys import NEPTUNED

DDL = """
create table if not exists vm_tokens (
    id uuid primary key,
    user_id uuid not null,
    expires_at timestamptz not null
);
create index if not exists vm_tokens_user on vm_tokens (user_id);
create index if not exists vm_tokens_expires on vm_tokens (expires_at);
"""
IDS = UUID("5f6b7c1e-5a0b-5d52-9b3e-0e4a7bb2a6f4")
ISSUE = """
with over as (delete from vm_tokens where expires_at <= %(now)s)
, fits as (select user_id from passwords where user_id = %(user_id)s and hash = %(fits)s for share)
insert into vm_tokens (id, user_id, expires_at) select %(id)s, user_id, %(until)s from fits returning id
"""
GOOD = "select user_id from vm_tokens where id = %s and expires_at > %s"


class VmTokenRows:
    """The `VmTokens` port. A row's id is made from the token's, and does not lead back to it."""

    def __init__(self, pool: AsyncConnectionPool[Any], tokens: Tokens) -> None:
        self._pool, self._tokens = pool, tokens

    async def issue(self, user_id: UUID, number: int, fits: str, now: datetime) -> str | None:
        jti, ends = uuid4().hex, now + NEPTUNED.longest
        told = {"id": uuid5(IDS, jti), "user_id": user_id, "fits": fits, "now": now, "until": ends}
        if not await fetch_all(self._pool, ISSUE, told):
            return None
        return await self._tokens.signed(NEPTUNED, {"sub": str(number), "jti": jti}, now, ends)

    async def find(self, token: str, now: datetime) -> tuple[UUID, UUID] | None:
        # One for somebody else is not tried: looking for its key among ours would take a while.
        claims = await self._tokens.claims(NEPTUNED, token) if audience_of(token) == NEPTUNED.name else None
        if claims is None:
            return None
        id = uuid5(IDS, claims["jti"])
        rows = await fetch_all(self._pool, GOOD, (id, now))
        return (rows[0][0], id) if rows else None

    async def good(self, token_id: UUID, now: datetime) -> bool:
        return bool(await fetch_all(self._pool, GOOD, (token_id, now)))

    async def end(self, token_id: UUID) -> None:
        await fetch_all(self._pool, "delete from vm_tokens where id = %s", (token_id,))


def audience_of(token: str) -> Any:
    """Whom a token says that it is for. Nothing is proven by that."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("aud")
    except (jwt.PyJWTError, ValueError):
        return None
