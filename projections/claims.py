"""Claims on sessions: the holder, the end, and the users who ask for a handover."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from application.ports.claims import HeldClaim
from domain.claim import Claim
from projections.query import Queries
from projections.table import Table

DDL = """
create table claims (
    id uuid primary key,
    session_id uuid not null,
    holder_id uuid,
    expires_at timestamptz not null,
    asking jsonb not null
);
create unique index claims_session on claims (session_id);
"""


@dataclass(frozen=True)
class ClaimRow:
    id: UUID
    session_id: UUID
    holder_id: UUID | None  # None: it is free; the row stays, since later events do not name the session
    expires_at: datetime
    asking: list[str] = field(default_factory=list)  # users


def evolve(row: ClaimRow | None, event: Any) -> ClaimRow | None:
    match row, event:
        case None, Claim.Taken():
            return ClaimRow(event.originator_id, event.session_id, event.holder_id, event.expires_at)
        case None, _:
            return None
        case _, Claim.TakenAgain() | Claim.HandedOver():
            return replace(row, holder_id=event.holder_id, expires_at=event.expires_at, asking=[])
        case _, Claim.Renewed(expires_at=ends):
            return replace(row, expires_at=ends)
        case _, Claim.HandoverRequested(user_id=user_id):
            return replace(row, asking=[*row.asking, str(user_id)])
        case _, Claim.Released() | Claim.Expired():
            return replace(row, holder_id=None, asking=[])
    return row


TABLE = Table("claims", ClaimRow, DDL, evolve)


@dataclass(frozen=True)
class _Held:
    id: UUID
    on_terminal: bool


class ClaimHolders:
    """`HeldClaims` on the read model, which has every acknowledged claim."""

    def __init__(self, queries: Queries, *, wait: bool = True) -> None:
        """`wait`: for the follower, as `Queries.select` does; without it, the newest claims may be missing."""
        self._queries, self._wait = queries, wait

    async def held_by(self, user_id: UUID) -> list[HeldClaim]:
        """Every claim of the user, also one whose time is over and that has not expired yet."""
        sql = """
            select c.id, exists (select from sessions s where s.id = c.session_id) as on_terminal
            from claims c where c.holder_id = %s order by c.id
        """
        rows = (await self._queries.select(_Held, sql, (user_id,), wait=self._wait)).rows
        return [HeldClaim(row.id, row.on_terminal) for row in rows]
