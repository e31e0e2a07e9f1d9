"""What can be asked of machines that nobody holds."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Cause
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.errors import Unavailable
from application.ports.regions import Engines
from domain.orphan import Orphan


@dataclass(frozen=True)
class Orphans:
    platform: Platform
    clock: Clock
    engines: Engines

    async def destroy(self, id: UUID, cause: Cause) -> None:
        """Remove it from the engine, unless the machine under its name is another one by now."""
        orphan = await self.platform.load(Orphan, id)
        engine = await self.engines.at(orphan.region)
        if orphan.provider != engine.provider:
            raise Unavailable(orphan.provider, f"found on {orphan.provider}, which is not in use now", 60)
        machine = await engine.find(orphan.workspace_id)
        if machine and machine.engine_id == orphan.engine_id:
            await engine.ensure_gone(orphan.workspace_id)
        await self.platform.change(cause, Orphan, id, lambda it: it.destroyed(self.clock()))
