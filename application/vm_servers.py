"""Settings of virtual machines that administrators change while Tenure runs."""

from __future__ import annotations

from dataclasses import dataclass

from application.access import Actor, require
from application.platform import Platform
from application.ports.clock import Clock
from domain.errors import NotFound
from domain.vm_server import DEFAULTS, VmServer, VmServerChanges, VmServerSettings


@dataclass(frozen=True)
class VmServers:
    """Commands on these settings."""

    platform: Platform
    clock: Clock

    async def settings(self) -> VmServerSettings:
        """The settings in force; no permission is asked."""
        try:
            return (await self.platform.load(VmServer, VmServer.id_of())).settings
        except NotFound:
            return {**DEFAULTS}

    async def read(self, actor: Actor) -> VmServerSettings:
        """The settings in force, for an administrator."""
        require(actor, "vm_server.see")
        return await self.settings()

    async def configure(self, actor: Actor, changes: VmServerChanges) -> VmServerSettings:
        """Change some settings. Returns all of them."""
        require(actor, "vm_server.configure")
        now = self.clock()
        server = await self.platform.ensure(
            actor.cause,
            VmServer,
            VmServer.id_of(),
            lambda id: VmServer(id=id, at=now),
            lambda server: server.configure(changes, now),
        )
        return server.settings
