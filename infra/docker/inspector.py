"""What the engine knows of a workspace's container beside its state: its address and its environment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from infra.docker.containers import name_of
from infra.docker.engine import DockerEngine, if_there

LOCAL_ENGINE = "http+docker://"  # the SDK's URL of an engine that it reaches over a Unix socket


class ContainerInspector:
    """Looks at containers through "Inspect a container" of the Docker Engine API.

    Every method raises `Unavailable` while the engine does not answer, and `APIError` where it refuses.
    """

    def __init__(self, engine: DockerEngine) -> None:
        self._engine = engine

    async def address(self, workspace_id: UUID) -> str | None:
        """The container's IP address. None where the engine is another host's, from which no route leads there."""
        if not await self._engine(lambda api: api.base_url.startswith(LOCAL_ENGINE)):
            return None
        networks = (await self._inspect(workspace_id)).get("NetworkSettings", {}).get("Networks", {})
        return next((str(network["IPAddress"]) for network in networks.values() if network.get("IPAddress")), None)

    async def environment(self, workspace_id: UUID) -> dict[str, str]:
        """The environment that the container was made with; empty if there is no container."""
        lines = (await self._inspect(workspace_id)).get("Config", {}).get("Env") or []
        return dict(line.partition("=")[::2] for line in lines)

    async def _inspect(self, workspace_id: UUID) -> dict[str, Any]:
        """The engine's answer; empty if there is no container."""
        return await self._engine(if_there(lambda api: api.inspect_container(name_of(workspace_id)))) or {}
