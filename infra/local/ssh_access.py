"""Machines that are processes of this machine have no SSH server, so nobody is let in from outside."""

from __future__ import annotations

from uuid import UUID

from application.ports.errors import EngineRefused
from application.ports.ssh_access import Admission


class LocalDoors:
    """Part of `infra.local.machines.LocalMachines`."""

    async def give_key(self, workspace_id: UUID, user: str, pub_key: str) -> None:
        """Its holder attaches to it here; the key opens nothing."""

    async def admit(self, workspace_id: UUID, admission: Admission) -> None:
        raise EngineRefused("machines without Docker are processes of this one, and have no SSH to let anybody in by")

    async def is_used(self, workspace_id: UUID) -> bool:
        """Who is at work in a directory of this machine, nobody can tell."""
        return True

    async def dismiss(self, workspace_id: UUID, guest_id: UUID, version: int) -> None:
        """Nobody was let in."""
