"""Orphans: machines on an engine that the log does not know."""

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
    """Removes orphans from their engine."""

    platform: Platform
    clock: Clock
    engines: Engines

    async def destroy(self, id: UUID, cause: Cause) -> None:
        """Remove an orphan from its engine, unless its name now belongs to another machine.

        Raises `Unavailable` while the engine does not answer, or where another provider is in use.
        """
        orphan = await self.platform.load(Orphan, id)
        engine = await self.engines.at(orphan.region)
        if orphan.provider != engine.provider:
            raise Unavailable(orphan.provider, f"found on {orphan.provider}, which is not in use now", 60)
        machine = await engine.find(orphan.workspace_id)
        if machine and machine.engine_id == orphan.engine_id:
            await engine.ensure_gone(orphan.workspace_id)
        await self.platform.change(cause, Orphan, id, lambda orphan: orphan.destroyed(self.clock()))
