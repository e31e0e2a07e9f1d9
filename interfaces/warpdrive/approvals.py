"""The owner's decisions on requests to join (W15 to W21)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from application.access import Actor
from application.ports.errors import Unavailable
from domain.errors import Conflict, NotFound
from domain.guest import Guest, GuestStatus
from interfaces.http.errors import errors
from interfaces.http.responses import Json
from interfaces.warpdrive.credentials import KeyHolder
from interfaces.warpdrive.deps import WarpdriveDeps, warpdrive_deps
from interfaces.warpdrive.guest_status import follow_guest_status
from interfaces.warpdrive.sessions import KEY, Id
from interfaces.warpdrive.views import ID

router = APIRouter(prefix="/sessions", tags=["hosted sessions"], responses=errors(400, 401, 404))
INSTALL_TIMEOUT_S = 15.0  # for the machine to install the guest's account


class Approve(BaseModel):
    """Whom to let in, as they asked. Another `user` may be given."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"pub_key": KEY, "user": "bob", "client_ip": "192.0.2.7", "joiner_uuid": ID}}
    )

    pub_key: str
    user: str
    client_ip: str
    joiner_uuid: UUID = Field(description="`subject_uuid` of the request")


class Reject(BaseModel):
    """Whom not to let in."""

    model_config = ConfigDict(json_schema_extra={"example": {"joiner_uuid": ID}})

    joiner_uuid: UUID = Field(description="`subject_uuid` of the request")


class NotInstalled(Conflict):
    """The machine refused the account. The request waits again."""

    code = "not_installed"


async def parse_joiner_id(joiner_uuid: str) -> UUID:
    """The guest's id in the path. Raises `NotFound` for anything but a UUID."""
    try:
        return UUID(joiner_uuid)
    except ValueError:
        raise NotFound("no such guest") from None


Joiner = Annotated[UUID, Depends(parse_joiner_id)]


@router.post("/{session_id}/approve", response_model=dict[str, Any])
async def approve(request: Request, actor: KeyHolder, id: Id, body: Approve) -> Response:
    """Let somebody in. When this is answered, their key opens the machine."""
    deps = warpdrive_deps(request)
    guest = await deps.guests.approve(
        actor, id, body.joiner_uuid, pub_key=body.pub_key, user=body.user, client_ip=body.client_ip
    )
    await wait_until_installed(deps, actor, guest)
    return Json({})


async def wait_until_installed(deps: WarpdriveDeps, actor: Actor, guest: Guest) -> None:
    """Return once the guest's account is installed. Raises `NotInstalled`; `Unavailable` on a timeout."""
    try:
        async with (
            asyncio.timeout(INSTALL_TIMEOUT_S),
            aclosing(follow_guest_status(deps, guest.id, actor.user_id, guest.joiner_id)) as updates,
        ):
            async for update in updates:
                if update.joiner_id != guest.joiner_id or update.status in (GuestStatus.REVOKED, GuestStatus.CLOSED):
                    raise NotInstalled("meanwhile it has been taken back")
                if update.status == GuestStatus.INSTALLED:
                    return
                if update.status == GuestStatus.WAITING and update.reason:
                    raise NotInstalled(f"approved, but the machine does not let them in: {update.reason}")
    except TimeoutError:
        pass
    raise Unavailable("machine", "approved; the machine does not answer, and lets them in when it does", retry_after=5)


@router.post("/{session_id}/reject", response_model=dict[str, Any])
async def reject(request: Request, actor: KeyHolder, id: Id, body: Reject) -> Response:
    """Do not let somebody in."""
    await warpdrive_deps(request).guests.reject(actor, id, body.joiner_uuid)
    return Json({})


@router.delete("/{session_id}/guests/{joiner_uuid}", response_model=dict[str, Any])
async def revoke(request: Request, actor: KeyHolder, id: Id, joiner: Joiner) -> Response:
    """Put somebody out again: first their key goes, then their processes end, then their account goes."""
    await warpdrive_deps(request).guests.revoke(actor, id, joiner)
    return Json({})
