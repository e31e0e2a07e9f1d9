"""The table `sign_ins`: sign-ins under way at an identity provider. A row is used once, and holds only hashes."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application.ports.invites import Invitation
from application.ports.logins import PendingSignIn
from infra.postgres.rows import fetch_all
from infra.tables.logins import hash_token

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
INSERT = """
with over as (delete from sign_ins where expires_at <= %(now)s)
insert into sign_ins (state_hash, browser_hash, provider, invited, invite_id, expires_at)
values (%(state)s, %(browser)s, %(provider)s, %(invited)s, %(invite_id)s, %(until)s)
"""
TAKE = """
delete from sign_ins where state_hash = %s and browser_hash = %s and provider = %s and expires_at > %s
returning invited, invite_id
"""
LIFETIME = timedelta(minutes=10)


class PendingSignInRows:
    """The `Attempts` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def begin(self, provider: str, invitation: Invitation | None, now: datetime) -> PendingSignIn:
        """Store a new sign-in for ten minutes. Raises `Unavailable`."""
        sign_in = pending_sign_in(token_urlsafe(32), token_urlsafe(32), invitation)
        params = {
            "state": hash_token(sign_in.state),
            "browser": hash_token(sign_in.browser),
            "provider": provider,
            "invited": invitation is not None,
            "invite_id": invitation.id if invitation else None,
            "now": now,
            "until": now + LIFETIME,
        }
        await fetch_all(self._pool, INSERT, params)
        return sign_in

    async def take(self, provider: str, state: str, browser: str, now: datetime) -> PendingSignIn | None:
        """Remove and return the sign-in that this browser began at this provider; None if there is none."""
        rows = await fetch_all(self._pool, TAKE, (hash_token(state), hash_token(browser), provider, now))
        if not rows:
            return None
        invited, invite_id = rows[0]
        return pending_sign_in(state, browser, Invitation(invite_id) if invited else None)


def pending_sign_in(state: str, browser: str, invitation: Invitation | None) -> PendingSignIn:
    """Derive PKCE's verifier and the nonce from `state` and `browser`, so that neither is stored."""
    verifier, nonce = (derive_secret(purpose, state, browser) for purpose in ("verifier", "nonce"))
    return PendingSignIn(state, browser, verifier, nonce, invitation)


def derive_secret(purpose: str, state: str, browser: str) -> str:
    """Return 43 characters of base64url that nobody can compute without both `state` and `browser`."""
    return urlsafe_b64encode(sha256(f"{purpose} {state} {browser}".encode()).digest()).rstrip(b"=").decode()
