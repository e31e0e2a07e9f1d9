"""What a machine means to the workshop that it is a seat of, and what it is given besides its template.

Its owner is the workshop, and its id follows from that: other machines' ids do not follow from anything, so of them
nothing is asked.
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

KEY = "ANTHROPIC_API_KEY"
NAMED = 5  # the version of an id that was made from a name


@dataclass(frozen=True)
class SeatMachines:
    platform: Platform
    clock: Clock
    keys: WorkshopKeys

    async def fitted(self, machine: Workspace, template: Template) -> Template:
        """With the workshop's network, and its API key in the environment: from here it goes to the engine alone."""
        if await self._workshop(machine) is None:
            return template
        key = await self.keys.find(machine.owner_id)
        return replace(template, network=machine.owner_id, env={KEY: key} if key else {})

    async def told(self, machine: Workspace) -> list[Aggregate]:
        """What follows for its workshop from how the machine is now, to be stored in the same commit."""
        workshop = await self._workshop(machine)
        if workshop is None:
            return []
        now = self.clock()
        if machine.status == Status.RUNNING:
            workshop.machine_ready(machine.id, now)
        elif machine.status == Status.STOPPED and any(isinstance(e, Workspace.Stopped) for e in machine.pending_events):
            machine.ask(Operation.START, now)  # nobody asked for that: its engine may have been started anew
        elif machine.status == Status.FAILED:
            workshop.machine_failed(machine.id, machine.error or "it failed", now)
            machine.delete(now)
        elif machine.destroyed_at:
            workshop.machine_gone(machine.id, now)
        return [workshop]

    async def _workshop(self, machine: Workspace) -> Workshop | None:
        if machine.id.version != NAMED:
            return None
        try:
            return await self.platform.load(Workshop, machine.owner_id)
        except NotFound:
            return None
