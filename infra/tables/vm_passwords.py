"""The table `vm_passwords`: argon2id hashes of passwords, for as long as the virtual machine exists."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all
from infra.tables.hashing import HashingQueue

DDL = """
create table if not exists vm_passwords (
    id uuid primary key,
    vm_id uuid not null,
    hash text not null,
    kept_at timestamptz not null default now()
);
create index if not exists vm_passwords_vm on vm_passwords (vm_id);
"""
STORE = "insert into vm_passwords (id, vm_id, hash) values (%s, %s, %s)"
FORGET_STRAYS = "delete from vm_passwords where kept_at < now() - interval '1 hour' and vm_id <> all(%s)"
FORGET = "delete from vm_passwords where vm_id = %s and id is distinct from %s"


class VmPasswordRows:
    """The `VmPasswords` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], hashing: HashingQueue | None = None) -> None:
        self._pool, self._hashing, self._hasher = pool, hashing or HashingQueue(), PasswordHasher()

    async def store(self, id: UUID, vm: UUID, password: str, source: str) -> None:
        """Store a password of the machine under this id, beside those of before."""
        hashed = await self._hashing.run(source, self._hasher.hash, password)
        await fetch_all(self._pool, STORE, (id, vm, hashed))

    async def verify(self, id: UUID, password: str, source: str) -> bool:
        """Return whether this is the password with this id."""
        rows = await fetch_all(self._pool, "select hash from vm_passwords where id = %s", (id,))
        return bool(rows) and await self._hashing.run(source, self._fits, rows[0][0], password)

    async def forget(self, vm: UUID, except_id: UUID | None = None) -> None:
        """Delete all passwords of the machine, but the one with `except_id`."""
        await fetch_all(self._pool, FORGET, (vm, except_id))

    async def forget_strays(self, existing: Collection[UUID]) -> None:
        """Delete passwords stored over an hour ago for machines that are not among the existing ones."""
        await fetch_all(self._pool, FORGET_STRAYS, (list(existing),))

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False
