"""The table `logins`: the hash of each login token, its user and when it expires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from uuid import UUID, uuid5

from psycopg_pool import AsyncConnectionPool

from application.ports.logins import Login
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
FIND = "select user_id, seen_at, expires_at from logins where token_hash = %s and expires_at > %s"
REVOKE = """
with ended as (delete from logins where token_hash = %s returning token_hash)
select pg_notify('tenure_logins', %s) from ended
"""
NAMESPACE = UUID("0b0a4d0e-6a43-5b0f-8c1f-4f6a2f1d9c57")  # of the ids of logins
EXTEND = """
with login as (
    update logins set seen_at = %(now)s, expires_at = %(until)s where token_hash = %(hash)s returning user_id
)
update profiles set last_seen_at = %(now)s from login where profiles.user_id = login.user_id
"""
EXTEND_INTERVAL = timedelta(minutes=1)  # between writes of one login's last use


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a random token."""
    return sha256(token.encode()).digest()


def login_id(hash: bytes) -> UUID:
    """The id of the login with this hash of its token. It does not lead back to either."""
    return uuid5(NAMESPACE, hash.hex())


class LoginTokenRows:
    """The `LoginTokens` port on PostgreSQL, for tokens in cookies."""

    def __init__(self, pool: AsyncConnectionPool[Any], on_end: Callable[[UUID], None] = lambda id: None) -> None:
        """`on_end` is called with the id of a login that ends; other processes are notified by the database."""
        self._pool, self._on_end = pool, on_end

    def _hash(self, token: str) -> bytes:
        return hash_token(token)

    async def issue(self, user_id: UUID, now: datetime, lasts: timedelta) -> str:
        """Return a new token, valid for `lasts`."""
        token = token_urlsafe(32)
        params = {"hash": self._hash(token), "user_id": user_id, "now": now, "until": now + lasts}
        await fetch_all(self._pool, ISSUE, params)
        return token

    async def find(self, token: str, now: datetime, lasts: timedelta) -> Login | None:
        """Return the login of a token, or None if it is not valid. A valid one is extended to `lasts` from `now`."""
        hash = self._hash(token)
        rows = await fetch_all(self._pool, FIND, (hash, now))
        if not rows:
            return None
        user_id, seen_at, expires_at = rows[0]
        if now - seen_at > EXTEND_INTERVAL:
            expires_at = now + lasts
            await fetch_all(self._pool, EXTEND, {"hash": hash, "now": now, "until": expires_at})
        return Login(login_id(hash), user_id, expires_at)

    async def revoke(self, token: str) -> None:
        """Make the token invalid, and say so to this process and to all others."""
        hash = self._hash(token)
        await fetch_all(self._pool, REVOKE, (hash, str(login_id(hash))))
        self._on_end(login_id(hash))


class InstructorTokenRows(LoginTokenRows):
    """The same for tokens of instructors, with another hash: neither kind is valid in place of the other."""

    def _hash(self, token: str) -> bytes:
        return hash_token(f"instructor {token}")
