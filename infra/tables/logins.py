"""Who is signed in: the hash of each cookie, and how long it is good."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all

DDL = """
create table if not exists logins (
    token_hash bytea primary key,
    user_id uuid not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null
);
create index if not exists logins_user on logins (user_id);
create index if not exists logins_expires on logins (expires_at);
"""
ISSUE = """
with over as (delete from logins where expires_at <= %(now)s)
, seen as (update profiles set last_seen_at = %(now)s where user_id = %(user_id)s)
insert into logins (token_hash, user_id, seen_at, expires_at) values (%(hash)s, %(user_id)s, %(now)s, %(until)s)
"""
FIND = "select user_id, seen_at from logins where token_hash = %s and expires_at > %s"
SEEN = """
with login as (
    update logins set seen_at = %(now)s, expires_at = %(until)s where token_hash = %(hash)s returning user_id
)
update profiles set last_seen_at = %(now)s from login where profiles.user_id = login.user_id
"""
WRITTEN = timedelta(minutes=1)  # how old the last sight may be before it is written down anew


def hashed(token: str) -> bytes:
    return sha256(token.encode()).digest()


class Cookies:
    """The `LoginTokens` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    def _hashed(self, token: str) -> bytes:
        return hashed(token)

    async def issue(self, user_id: UUID, now: datetime, lasts: timedelta) -> str:
        token = token_urlsafe(32)
        told = {"hash": self._hashed(token), "user_id": user_id, "now": now, "until": now + lasts}
        await fetch_all(self._pool, ISSUE, told)
        return token

    async def find(self, token: str, now: datetime, lasts: timedelta) -> UUID | None:
        rows = await fetch_all(self._pool, FIND, (self._hashed(token), now))
        if not rows:
            return None
        user_id, seen_at = rows[0]
        if now - seen_at > WRITTEN:
            await fetch_all(self._pool, SEEN, {"hash": self._hashed(token), "now": now, "until": now + lasts})
        found: UUID = user_id
        return found

    async def end(self, token: str) -> None:
        await fetch_all(self._pool, "delete from logins where token_hash = %s", (self._hashed(token),))


class InstructorTokens(Cookies):
    """The same for tokens of instructors: one that is sent as a cookie is none, nor the other way round."""

    def _hashed(self, token: str) -> bytes:
        return hashed(f"instructor {token}")
