"""The table `passwords`: argon2id hashes, for as long as the account exists."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all
from infra.tables.hashing import HashingQueue

DDL = """
create table if not exists passwords (
    user_id uuid primary key,
    hash text not null
);
"""
ADD = "insert into passwords (user_id, hash) values (%s, %s) on conflict do nothing returning user_id"


class PasswordRows:
    """The `Passwords` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], hashing: HashingQueue | None = None) -> None:
        self._pool, self._hashing, self._hasher = pool, hashing or HashingQueue(), PasswordHasher()
        self._decoy: str | None = None  # compared with where there is no hash, so that this takes as long

    async def has_password(self, user_id: UUID) -> bool:
        """Return whether the user has a password."""
        return bool(await fetch_all(self._pool, "select 1 from passwords where user_id = %s", (user_id,)))

    async def add(self, user_id: UUID, password: str, source: str) -> bool:
        """Store the password. Returns False, and stores nothing, if the user has one already."""
        hashed = await self._hashing.run(source, self._hasher.hash, password)
        return bool(await fetch_all(self._pool, ADD, (user_id, hashed)))

    async def verify(self, user_id: UUID | None, password: str, source: str) -> bool:
        """Return whether this is the user's password."""
        return await self.verify_proof(user_id, password, source) is not None

    async def verify_proof(self, user_id: UUID | None, proof: str, source: str) -> str | None:
        """Return the user's stored hash if the proof fits it. Takes as long for a missing user as for any other."""
        if self._decoy is None:
            self._decoy = await self._hashing.run(source, self._hasher.hash, "")
        rows = await fetch_all(self._pool, "select hash from passwords where user_id = %s", (user_id,))
        hashed: str = rows[0][0] if rows else self._decoy
        fits = await self._hashing.run(source, self._fits, hashed, proof)
        return hashed if rows and fits else None

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False
