"""Passwords of private virtual machines, as argon2id hashes: in a table of their own, and gone with the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all

DDL = """
create table if not exists vm_passwords (
    id uuid primary key,
    vm_id uuid not null,
    hash text not null,
    kept_at timestamptz not null default now()
);
create index if not exists vm_passwords_vm on vm_passwords (vm_id);
"""
KEEP = "insert into vm_passwords (id, vm_id, hash) values (%s, %s, %s)"
STRAYS = "delete from vm_passwords where kept_at < now() - interval '1 hour' and vm_id <> all(%s)"
FORGET = "delete from vm_passwords where vm_id = %s and id is distinct from %s"


class VmPasswordRows:
    """The `VmPasswords` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool, self._hasher = pool, PasswordHasher()

    async def keep(self, id: UUID, vm: UUID, password: str) -> None:
        await fetch_all(self._pool, KEEP, (id, vm, await asyncio.to_thread(self._hasher.hash, password)))

    async def check(self, id: UUID, password: str) -> bool:
        rows = await fetch_all(self._pool, "select hash from vm_passwords where id = %s", (id,))
        return bool(rows) and await asyncio.to_thread(self._verified, rows[0][0], password)

    async def forget(self, vm: UUID, but: UUID | None = None) -> None:
        await fetch_all(self._pool, FORGET, (vm, but))

    async def forget_strays(self, known: Collection[UUID]) -> None:
        await fetch_all(self._pool, STRAYS, (list(known),))

    def _verified(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False
