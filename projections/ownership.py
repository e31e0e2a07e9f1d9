"""The owner of every aggregate that has one, also after its end: its history stays theirs. Users own themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.user import User
from projections.table import Table

DDL = "create table holders (id uuid primary key, owner_id uuid not null)"


@dataclass(frozen=True)
class OwnershipRow:
    id: UUID
    owner_id: UUID


def evolve(row: OwnershipRow | None, event: Any) -> OwnershipRow | None:
    owner_id = event.originator_id if isinstance(event, User.Joined) else getattr(event, "owner_id", None)
    return OwnershipRow(event.originator_id, owner_id) if owner_id else row


TABLE = Table("holders", OwnershipRow, DDL, evolve)
