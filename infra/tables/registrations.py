"""Who has registered for workshops: names sealed, e-mails and access codes as keyed hashes; gone with the workshop."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.ports.workshops import Registration
from infra.postgres.rows import fetch_all
from infra.tables.seal import Seal

DDL = """
create table if not exists registrations (
    learner_id uuid primary key,
    workshop_id uuid not null,
    email_hash bytea not null,
    access_hash bytea not null unique,
    name bytea not null,
    unique (workshop_id, email_hash)
);
"""
KEEP = """
insert into registrations (learner_id, workshop_id, email_hash, access_hash, name) values (%s, %s, %s, %s, %s)
on conflict do nothing returning learner_id
"""
FIND = "select workshop_id, learner_id, name from registrations where access_hash = %s"


class RegistrationRows:
    """The `Registrations` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], seal: Seal, secret: str) -> None:
        self._pool, self._seal, self._secret = pool, seal, secret.encode()

    async def keep(self, registration: Registration, email: str, access_code: str) -> bool:
        it, name = registration, self._seal.close(registration.name.encode())
        hashes = (self._hashed(it.workshop_id.hex + email), self._hashed(access_code))
        return bool(await fetch_all(self._pool, KEEP, (it.learner_id, it.workshop_id, *hashes, name)))

    async def find(self, access_code: str) -> Registration | None:
        rows = await fetch_all(self._pool, FIND, (self._hashed(access_code),))
        if not rows:
            return None
        workshop_id, learner_id, name = rows[0]
        return Registration(workshop_id, learner_id, (self._seal.open(bytes(name)) or b"").decode())

    async def forget_workshop(self, workshop_id: UUID) -> None:
        await fetch_all(self._pool, "delete from registrations where workshop_id = %s", (workshop_id,))

    def _hashed(self, text: str) -> bytes:
        return hmac.digest(self._secret, text.encode(), sha256)
