"""Passwords, as argon2id hashes: in a table of their own, and gone with the account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all

DDL = """
create table if not exists passwords (
    user_id uuid primary key,
    hash text not null
);
"""
# Each hash takes 64 MiB and all of a core for a while. Others' threads are not for that, however many try to log in.
HASHERS = ThreadPoolExecutor(2, thread_name_prefix="argon2")
KEEP = "insert into passwords (user_id, hash) values (%s, %s) on conflict do nothing returning user_id"


Made = TypeVar("Made")


async def hashing(work: Callable[..., Made], *told: str) -> Made:
    return await asyncio.get_running_loop().run_in_executor(HASHERS, work, *told)


class PasswordRows:
    """The `Passwords` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool, self._hasher = pool, PasswordHasher()
        self._nobody: str | None = None  # the hash that is compared with where there is none

    async def has(self, user_id: UUID) -> bool:
        return bool(await fetch_all(self._pool, "select 1 from passwords where user_id = %s", (user_id,)))

    async def keep(self, user_id: UUID, password: str) -> bool:
        hashed = await hashing(self._hasher.hash, password)
        return bool(await fetch_all(self._pool, KEEP, (user_id, hashed)))

    async def check(self, user_id: UUID | None, password: str) -> bool:
        return await self.prove(user_id, password) is not None

    async def prove(self, user_id: UUID | None, password: str) -> str | None:
        """The hash of theirs that this password fits, after as long for nobody."""
        if self._nobody is None:
            self._nobody = await hashing(self._hasher.hash, "")
        rows = await fetch_all(self._pool, "select hash from passwords where user_id = %s", (user_id,))
        hashed: str = rows[0][0] if rows else self._nobody
        good = await hashing(self._verified, hashed, password)
        return hashed if rows and good else None

    def _verified(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False
