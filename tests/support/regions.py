"""A Tenure with regions beside the local one, each an engine in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from application.access import Actor
from application.ports.regions import Region
from domain.region import EngineAddress
from domain.role import Role
from domain.workspace import Workspace
from tests.support.fake_engine import Engine
from tests.support.server import Served, served
from tests.support.stories.workspaces import ANNA

ADMIN = Actor(ANNA, "anna", "test", role=Role.ADMIN)
ENGINE: EngineAddress = {"url": "tcp://10.0.0.2:2375", "host": "127.0.0.1", "publish_on": "127.0.0.1"}


@dataclass(frozen=True)
class Places:
    served: Served
    engines: dict[str, Engine]  # by region, as they were opened; `local` is always there
    opened: list[Region]

    async def ask(self, region: str | None = None, **more: Any) -> UUID:
        """Request a workspace in a region, and return its id."""
        request = self.served.tenure.deps.vm_api.workspaces.request(
            ADMIN, name="a", template=None, region=region, ttl_seconds=None, **more
        )
        return (await request).id

    async def status(self, id: UUID) -> str:
        return str((await self.workspace(id)).status)

    async def workspace(self, id: UUID) -> Workspace:
        return await self.served.tenure.deps.http.platform.load(Workspace, id)


@asynccontextmanager
async def places(database: str, home: Path, **settings: Any) -> AsyncIterator[Places]:
    """Serve with the regions `paris` and `oslo` in the settings. Only the test runs sweeps."""
    engines, opened = {"local": Engine()}, list[Region]()

    def open_region(region: Region) -> Engine:
        opened.append(region)
        return engines.setdefault(region.name, Engine())

    regions = {name: {"url": f"unix:///{name}"} for name in ("paris", "oslo")}
    settings = {"regions": regions, **settings}
    async with served(
        database, home, engines["local"], open_region=open_region, reconciles=False, **settings
    ) as serving:
        yield Places(serving, engines, opened)
