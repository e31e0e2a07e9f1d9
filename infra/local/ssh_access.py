"""`SshAccess` of machines that are processes of this host: they have no SSH server, so nobody logs in from outside."""

from __future__ import annotations

from uuid import UUID

from application.ports.errors import EngineRefused
from application.ports.ssh_access import Admission


class LocalSshAccess:
    """Part of `infra.local.machines.LocalMachines`."""

    async def give_key(self, workspace_id: UUID, user: str, pub_key: str) -> None:
        """Do nothing: the holder attaches to the terminal on this host, without a key."""

    async def admit(self, workspace_id: UUID, admission: Admission) -> None:
        raise EngineRefused("machines without Docker are processes of this one, and have no SSH to let anybody in by")

    async def is_used(self, workspace_id: UUID) -> bool:
        """True: nothing shows who works in a directory of this host, and an idle session would be ended."""
        return True

    async def revoke(self, workspace_id: UUID, guest_id: UUID, version: int) -> None:
        """Do nothing: `admit` lets nobody in."""
