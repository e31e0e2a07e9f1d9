"""Engines that stop answering, and answer again, as facts of the log."""

from __future__ import annotations

from dataclasses import dataclass

from application.access import Cause
from application.platform import Platform
from application.ports.clock import Clock
from domain.engine import Engine


@dataclass(frozen=True)
class EngineReports:
    """Records whether engines answer."""

    platform: Platform
    clock: Clock

    async def answers(self, region: str, provider: str, answering: bool, cause: Cause) -> None:
        """Record whether the engine of a region answers. While it always has, nothing is recorded."""
        id = Engine.id_of(region)
        if answering and await self.platform.last_event(id) is None:
            return
        await self.platform.ensure(
            cause,
            Engine,
            id,
            lambda id: Engine(id=id, at=self.clock(), region=region, provider=provider),
            lambda engine: engine.report(answering, self.clock()),
        )
