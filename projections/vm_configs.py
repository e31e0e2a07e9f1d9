"""Virtual machines, each with its configuration and its state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.vm.document import Document
from domain.vm.vm_config import VmConfig
from domain.vm_state import State
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table vm_configs (
    id uuid primary key,
    vm text not null,
    document jsonb not null,
    revision int not null,
    state text not null,
    locked boolean not null,
    created_at timestamptz not null,
    error text
);
create unique index vm_configs_vm on vm_configs (vm);
"""


@dataclass(frozen=True)
class VmConfigRow:
    id: UUID
    vm: str  # its id in addresses
    document: Document
    revision: int  # of the document
    state: str
    locked: bool  # True: it has a password
    created_at: datetime
    error: str | None = None  # why the machine does not run

    @property
    def private(self) -> bool:
        return bool(self.document["private"])


def evolve(row: VmConfigRow | None, event: Any) -> VmConfigRow | None:
    match row, event:
        case None, VmConfig.Created(originator_id=id, at=at, document=document):
            return VmConfigRow(id, document["id"], document, 1, State.STOPPED, False, at)
        case None, _:
            return None
        case _, VmConfig.Patched(document=document):
            return replace(row, document=document, revision=row.revision + 1)
        case _, VmConfig.PasswordSet():
            return replace(row, locked=True)
        case _, VmConfig.PasswordRemoved():
            return replace(row, locked=False)
        case _, VmConfig.StartRequested():
            return replace(row, state=State.STARTING, error=None)
        case _, VmConfig.RestartRequested():
            return replace(row, state=State.STARTING)
        case _, VmConfig.Started():
            return replace(row, state=State.RUNNING, error=None)
        case _, VmConfig.StartFailed(reason=reason) | VmConfig.Died(reason=reason):
            return replace(row, state=State.STOPPED, error=reason)
        case _, VmConfig.Stopped():
            return replace(row, state=State.STOPPED, error=None)
        case _, VmConfig.Deleted():
            return None
    return row


TABLE = Table("vm_configs", VmConfigRow, DDL, evolve)


async def list_all(queries: Queries) -> QueryResult[VmConfigRow]:
    """In the order in which they were created."""
    return await queries.select(VmConfigRow, "select * from vm_configs order by created_at, id")


async def list_running(queries: Queries) -> QueryResult[VmConfigRow]:
    sql = "select * from vm_configs where state = 'running' order by created_at, id"
    return await queries.select(VmConfigRow, sql)


async def get_by_vm_id(queries: Queries, vm: str) -> VmConfigRow | None:
    """The machine with this id in addresses."""
    return (await queries.select(VmConfigRow, "select * from vm_configs where vm = %s", (vm,))).first
