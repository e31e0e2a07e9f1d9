"""The table `registrations`: people registered for a workshop, for as long as it exists.

Names and access codes are sealed. E-mail addresses are keyed hashes, and so is what an access code is found by. Of a
workshop that is deleted, only that hash is left: so its code is answered for what it was.
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
alter table registrations add column if not exists access_code bytea;  -- null: stored by 0.1, or forgotten
"""
ADD = """
insert into registrations (learner_id, workshop_id, email_hash, access_hash, name, access_code)
values (%s, %s, %s, %s, %s, %s)
on conflict do nothing returning learner_id
"""
FIND_BY_EMAIL = "select learner_id, name, access_code from registrations where workshop_id = %s and email_hash = %s"
SET_CODE = "update registrations set access_hash = %s, access_code = %s where learner_id = %s"
# An id in place of the e-mail address' hash keeps the pair unique.
FORGET = """
update registrations set email_hash = convert_to(learner_id::text, 'utf8'), name = '', access_code = null
where workshop_id = %s
"""
FIND = "select workshop_id, learner_id, name from registrations where access_hash = %s"


class RegistrationRows:
    """The `Registrations` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], seal: Seal, secret: str) -> None:
        self._pool, self._seal, self._secret = pool, seal, secret.encode()

    async def add(self, registration: Registration, email: str, access_code: str) -> bool:
        """Store the registration. Returns False if that e-mail address is registered for the workshop already.

        Also if another registration has this access code.
        """
        learner_id, workshop_id = registration.learner_id, registration.workshop_id
        hashes = (self._hash(workshop_id.hex + email), self._hash(access_code))
        sealed = (self._seal.close(registration.name.encode()), self._seal.close(access_code.encode()))
        return bool(await fetch_all(self._pool, ADD, (learner_id, workshop_id, *hashes, *sealed)))

    async def find_by_email(self, workshop_id: UUID, email: str) -> tuple[Registration, str | None] | None:
        """Return the registration of an e-mail address with its access code, or None.

        The code is None where 0.1 stored it, or where it was sealed with another secret.
        """
        rows = await fetch_all(self._pool, FIND_BY_EMAIL, (workshop_id, self._hash(workshop_id.hex + email)))
        if not rows:
            return None
        learner_id, name, code = rows[0]
        opened_code = self._seal.open(bytes(code)) if code else None
        registration = Registration(workshop_id, learner_id, self._open_name(name))
        return registration, opened_code.decode() if opened_code else None

    async def set_code(self, learner_id: UUID, access_code: str) -> None:
        """Give a registration another access code."""
        sealed = self._seal.close(access_code.encode())
        await fetch_all(self._pool, SET_CODE, (self._hash(access_code), sealed, learner_id))

    async def find(self, access_code: str) -> Registration | None:
        """Return the registration with this access code, or None.

        Its name is "" if it is forgotten, or sealed with another secret.
        """
        rows = await fetch_all(self._pool, FIND, (self._hash(access_code),))
        if not rows:
            return None
        workshop_id, learner_id, name = rows[0]
        return Registration(workshop_id, learner_id, self._open_name(name))

    async def forget_workshop(self, workshop_id: UUID) -> None:
        """Forget the people who registered for the workshop. Their access codes still lead to the workshop."""
        await fetch_all(self._pool, FORGET, (workshop_id,))

    def _open_name(self, sealed: bytes) -> str:
        return (self._seal.open(bytes(sealed)) or b"").decode() if sealed else ""

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self._secret, text.encode(), sha256)
