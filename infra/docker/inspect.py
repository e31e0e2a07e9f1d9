"""What else the engine tells of a workspace's container: where it is reached, and what it was started with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from infra.docker.containers import name_of
from infra.docker.engine import DockerEngine, if_there


class Looks:
    def __init__(self, engine: DockerEngine) -> None:
        self._engine = engine

    async def address(self, workspace_id: UUID) -> str | None:
        """Its own, where the engine is this machine's, so that it can be reached from here."""
        if not await self._engine(lambda api: api.base_url.startswith("http+docker://")):  # a Unix socket, to the SDK
            return None
        networks = (await self._inspect(workspace_id)).get("NetworkSettings", {}).get("Networks", {})
        return next((str(it["IPAddress"]) for it in networks.values() if it.get("IPAddress")), None)

    async def environment(self, workspace_id: UUID) -> dict[str, str]:
        said = (await self._inspect(workspace_id)).get("Config", {}).get("Env") or []
        return dict(it.partition("=")[::2] for it in said)

    async def _inspect(self, workspace_id: UUID) -> dict[str, Any]:
        """Empty if there is none."""
        return await self._engine(if_there(lambda api: api.inspect_container(name_of(workspace_id)))) or {}
