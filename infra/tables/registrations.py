"""The table `registrations`: people registered for a workshop, for as long as it exists.

Names are sealed; e-mail addresses and access codes are keyed hashes.
"""

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
ADD = """
insert into registrations (learner_id, workshop_id, email_hash, access_hash, name) values (%s, %s, %s, %s, %s)
on conflict do nothing returning learner_id
"""
FIND = "select workshop_id, learner_id, name from registrations where access_hash = %s"


class RegistrationRows:
    """The `Registrations` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], seal: Seal, secret: str) -> None:
        self._pool, self._seal, self._secret = pool, seal, secret.encode()

    async def add(self, registration: Registration, email: str, access_code: str) -> bool:
        """Store the registration. Returns False if that e-mail address is registered for the workshop already."""
        learner_id, workshop_id = registration.learner_id, registration.workshop_id
        hashes = (self._hash(workshop_id.hex + email), self._hash(access_code))
        sealed_name = self._seal.close(registration.name.encode())
        return bool(await fetch_all(self._pool, ADD, (learner_id, workshop_id, *hashes, sealed_name)))

    async def find(self, access_code: str) -> Registration | None:
        """Return the registration with this access code, or None. Its name is "" if sealed with another secret."""
        rows = await fetch_all(self._pool, FIND, (self._hash(access_code),))
        if not rows:
            return None
        workshop_id, learner_id, name = rows[0]
        return Registration(workshop_id, learner_id, (self._seal.open(bytes(name)) or b"").decode())

    async def forget_workshop(self, workshop_id: UUID) -> None:
        """Delete all registrations for the workshop."""
        await fetch_all(self._pool, "delete from registrations where workshop_id = %s", (workshop_id,))

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self._secret, text.encode(), sha256)
