"""Sign-ins under way at a provider: one row each, taken once. It holds hashes, so reading it signs nobody in."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application.ports.invites import Invitation
from application.ports.logins import Attempt
from infra.postgres.rows import fetch_all
from infra.tables.logins import hashed

DDL = """
create table if not exists sign_ins (
    state_hash bytea primary key,
    browser_hash bytea not null,
    provider text not null,
    invited boolean not null,
    invite_id uuid,
    expires_at timestamptz not null
);
create index if not exists sign_ins_expires on sign_ins (expires_at);
"""
BEGIN = """
with over as (delete from sign_ins where expires_at <= %(now)s)
insert into sign_ins (state_hash, browser_hash, provider, invited, invite_id, expires_at)
values (%(state)s, %(browser)s, %(provider)s, %(invited)s, %(invite_id)s, %(until)s)
"""
TAKE = """
delete from sign_ins where state_hash = %s and browser_hash = %s and provider = %s and expires_at > %s
returning invited, invite_id
"""
LASTS = timedelta(minutes=10)


class SignIns:
    """The `Attempts` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def begin(self, provider: str, invited: Invitation | None, now: datetime) -> Attempt:
        attempt = made(token_urlsafe(32), token_urlsafe(32), invited)
        told = {
            "state": hashed(attempt.state),
            "browser": hashed(attempt.browser),
            "provider": provider,
            "invited": invited is not None,
            "invite_id": invited.id if invited else None,
            "now": now,
            "until": now + LASTS,
        }
        await fetch_all(self._pool, BEGIN, told)
        return attempt

    async def take(self, provider: str, state: str, browser: str, now: datetime) -> Attempt | None:
        rows = await fetch_all(self._pool, TAKE, (hashed(state), hashed(browser), provider, now))
        if not rows:
            return None
        invited, invite_id = rows[0]
        return made(state, browser, Invitation(invite_id) if invited else None)


def made(state: str, browser: str, invited: Invitation | None) -> Attempt:
    """PKCE's verifier and the nonce follow from what only the browser and the provider hold, so nobody keeps them."""
    return Attempt(state, browser, derived("verifier", state, browser), derived("nonce", state, browser), invited)


def derived(what: str, state: str, browser: str) -> str:
    return urlsafe_b64encode(sha256(f"{what} {state} {browser}".encode()).digest()).rstrip(b"=").decode()
