"""The owner's decisions on who joins (W15 to W21)."""

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
from interfaces.warpdrive.credentials import Who
from interfaces.warpdrive.deps import WarpdriveDeps, warpdrive_deps
from interfaces.warpdrive.guest_status import standings
from interfaces.warpdrive.sessions import KEY, Id
from interfaces.warpdrive.views import ID

router = APIRouter(prefix="/sessions", tags=["hosted sessions"], responses=errors(400, 401, 404))
INSTALLING = 15.0  # seconds that a machine is given to let somebody in


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


async def joiner_id(joiner_uuid: str) -> UUID:
    try:
        return UUID(joiner_uuid)
    except ValueError:
        raise NotFound("no such guest") from None


Joiner = Annotated[UUID, Depends(joiner_id)]


@router.post("/{session_id}/approve", response_model=dict[str, Any])
async def approve(request: Request, who: Who, id: Id, body: Approve) -> Response:
    """Let somebody in. When this is answered, their key opens the machine."""
    deps = warpdrive_deps(request)
    guest = await deps.guests.approve(
        who, id, body.joiner_uuid, pub_key=body.pub_key, user=body.user, client_ip=body.client_ip
    )
    await installed(deps, who, guest)
    return Json({})


async def installed(deps: WarpdriveDeps, who: Actor, guest: Guest) -> None:
    """Return when they are. Raises `NotInstalled` with the reason, and `Unavailable` when that takes long."""
    try:
        async with (
            asyncio.timeout(INSTALLING),
            aclosing(standings(deps, guest.id, who.user_id, guest.joiner_id)) as told,
        ):
            async for now in told:
                if now.joiner_id != guest.joiner_id or now.status in (GuestStatus.REVOKED, GuestStatus.CLOSED):
                    raise NotInstalled("meanwhile it has been taken back")
                if now.status == GuestStatus.INSTALLED:
                    return
                if now.status == GuestStatus.WAITING and now.reason:
                    raise NotInstalled(f"approved, but the machine does not let them in: {now.reason}")
    except TimeoutError:
        pass
    raise Unavailable("machine", "approved; the machine does not answer, and lets them in when it does", retry_after=5)


@router.post("/{session_id}/reject", response_model=dict[str, Any])
async def reject(request: Request, who: Who, id: Id, body: Reject) -> Response:
    """Do not let somebody in."""
    await warpdrive_deps(request).guests.reject(who, id, body.joiner_uuid)
    return Json({})


@router.delete("/{session_id}/guests/{joiner_uuid}", response_model=dict[str, Any])
async def revoke(request: Request, who: Who, id: Id, joiner: Joiner) -> Response:
    """Put somebody out again: first their key goes, then their processes end, then their account goes."""
    await warpdrive_deps(request).guests.revoke(who, id, joiner)
    return Json({})
