"""What can be asked of machines that nobody holds."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Cause
from application.platform import Platform
from application.ports import Clock, Machines, Unavailable
from domain.orphan import Orphan


@dataclass(frozen=True)
class Orphans:
    platform: Platform
    clock: Clock
    machines: Machines

    async def destroy(self, id: UUID, cause: Cause) -> None:
        """Remove it from the engine, unless the machine under its name is another one by now."""
        orphan = await self.platform.load(Orphan, id)
        if orphan.provider != self.machines.provider:
            raise Unavailable(orphan.provider, f"found on {orphan.provider}, which is not in use now", 60)
        machine = await self.machines.find(orphan.workspace_id)
        if machine and machine.engine_id == orphan.engine_id:
            await self.machines.ensure_gone(orphan.workspace_id)
        await self.platform.change(cause, Orphan, id, lambda it: it.destroyed(self.clock()))
