"""Following the status of a guest, or of a machine."""

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
class GuestUpdate:
    """The status of a guest, and the request that it is about."""

    joiner_id: UUID
    status: GuestStatus
    reason: str | None = None


async def follow_guest_status(
    deps: WarpdriveDeps, guest_id: UUID, owner_id: UUID, joiner_id: UUID
) -> AsyncGenerator[GuestUpdate, None]:
    """The status of a guest now, and then every change. It ends with the session.

    A guest may see nothing else of somebody else's session, so it is followed with the permissions of its owner.
    """
    listing = await guests.get(deps.queries, guest_id)
    if listing.first is None:
        yield GuestUpdate(joiner_id, GuestStatus.CLOSED)
        return
    yield GuestUpdate(listing.first.joiner_id, GuestStatus(listing.first.standing), listing.first.reason)
    owner = Actor(owner_id, "", request_id="")
    async for batch in deps.hub.follow(owner, guest_id, listing.position):
        for item in batch:
            if isinstance(item, Push):
                state = item.entry.state
                if state is None:
                    yield GuestUpdate(joiner_id, GuestStatus.CLOSED)
                    return
                yield GuestUpdate(UUID(str(state["joiner_id"])), GuestStatus(state["standing"]), state["reason"])


async def follow_machine_status(
    deps: WarpdriveDeps, actor: Actor, workspace_id: UUID
) -> AsyncGenerator[tuple[str, str | None], None]:
    """The status and error of a machine now, and then every change. It ends with the machine."""
    row = await workspaces.get(deps.queries, workspace_id)
    if row is None:
        return
    yield row.status, row.error
    owner = Actor(actor.user_id, "", request_id="")
    async for batch in deps.hub.follow(owner, workspace_id, 0):
        for item in batch:
            if isinstance(item, Push):
                if item.entry.state is None:
                    return
                yield item.entry.state["status"], item.entry.state["error"]
