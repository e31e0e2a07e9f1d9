"""Who holds, or held, what: also after its end, since history belongs to somebody. People are their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.user import User
from projections.table import Table

DDL = "create table holders (id uuid primary key, owner_id uuid not null)"


@dataclass(frozen=True)
class HolderRow:
    id: UUID
    owner_id: UUID


def evolve(row: HolderRow | None, event: Any) -> HolderRow | None:
    owner_id = event.originator_id if isinstance(event, User.Joined) else getattr(event, "owner_id", None)
    return HolderRow(event.originator_id, owner_id) if owner_id else row


TABLE = Table("holders", HolderRow, DDL, evolve)
