"""Following how a guest stands, or how a machine is, from now on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from uuid import UUID

from application.access import Actor
from domain.guest import GuestStatus
from interfaces.warpdrive.deps import WarpdriveDeps
from projections import guests, workspaces
from projections.stream_reader import Push


@dataclass(frozen=True)
class Stands:
    joiner_id: UUID
    status: GuestStatus
    reason: str | None = None


async def standings(
    deps: WarpdriveDeps, guest_id: UUID, owner_id: UUID, joiner_id: UUID
) -> AsyncGenerator[Stands, None]:
    """How somebody stands: now, and then whenever that changes. It ends with the session.

    What a guest may watch of somebody else's session is this alone; it is looked at with its owner's eyes.
    """
    found = await guests.get(deps.queries, guest_id)
    if found.first is None:
        yield Stands(joiner_id, GuestStatus.CLOSED)
        return
    yield Stands(found.first.joiner_id, GuestStatus(found.first.standing), found.first.reason)
    owner = Actor(owner_id, "", request_id="")
    async for some in deps.hub.follow(owner, guest_id, found.position):
        for told in some:
            if isinstance(told, Push):
                state = told.entry.state
                if state is None:
                    yield Stands(joiner_id, GuestStatus.CLOSED)
                    return
                yield Stands(UUID(str(state["joiner_id"])), GuestStatus(state["standing"]), state["reason"])


async def machine_statuses(
    deps: WarpdriveDeps, who: Actor, workspace_id: UUID
) -> AsyncGenerator[tuple[str, str | None], None]:
    """How a machine is, and what is wrong with it: now, and then whenever that changes. It ends with the machine."""
    row = await workspaces.get(deps.queries, workspace_id)
    if row is None:
        return
    yield row.status, row.error
    owner = Actor(who.user_id, "", request_id="")
    async for some in deps.hub.follow(owner, workspace_id, 0):
        for told in some:
            if isinstance(told, Push):
                if told.entry.state is None:
                    return
                yield told.entry.state["status"], told.entry.state["error"]
