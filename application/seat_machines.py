"""Machines of seats: what they get besides their template, and what their changes mean to their workshop.

A seat's machine is a workspace whose owner is the workshop and whose id is derived from it (uuid5). Ids of all other
machines are random (uuid4), so they are recognised without a query.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from application.platform import Platform
from application.ports.clock import Clock
from application.ports.machines import Template
from application.ports.workshops import WorkshopKeys
from domain.aggregate import Aggregate
from domain.errors import NotFound
from domain.machine import Operation, Status
from domain.workshop import Workshop
from domain.workspace import Workspace

API_KEY_VARIABLE = "ANTHROPIC_API_KEY"
DERIVED_ID_VERSION = 5  # uuid5: made from a name


@dataclass(frozen=True)
class SeatMachines:
    """Connects the machine of a seat with its workshop."""

    platform: Platform
    clock: Clock
    keys: WorkshopKeys

    async def complete_template(self, machine: Workspace, template: Template) -> Template:
        """The template with the workshop's network, and its API key in the environment, for the engine alone."""
        if await self._workshop(machine) is None:
            return template
        key = await self.keys.find(machine.owner_id)
        return replace(template, network=machine.owner_id, env={API_KEY_VARIABLE: key} if key else {})

    async def workshop_changes(self, machine: Workspace) -> list[Aggregate]:
        """The workshop, changed by what has happened to a machine of its seats; to be stored in the same commit."""
        workshop = await self._workshop(machine)
        if workshop is None:
            return []
        now = self.clock()
        if machine.status == Status.RUNNING:
            workshop.machine_ready(machine.id, now)
        elif machine.status == Status.STOPPED and any(isinstance(e, Workspace.Stopped) for e in machine.pending_events):
            machine.request_operation(Operation.START, now)  # not asked for: its engine may have been restarted
        elif machine.status == Status.FAILED:
            workshop.machine_failed(machine.id, machine.error or "it failed", now)
            machine.delete(now)
        elif machine.destroyed_at:
            workshop.machine_gone(machine.id, now)
        return [workshop]

    async def _workshop(self, machine: Workspace) -> Workshop | None:
        if machine.id.version != DERIVED_ID_VERSION:
            return None
        try:
            return await self.platform.load(Workshop, machine.owner_id)
        except NotFound:
            return None
