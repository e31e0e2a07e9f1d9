"""/sessions: what people host, and how they log in to it (W07 to W14, W36)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from starlette.requests import Request

from application.access import Actor, require
from application.ports.errors import Unavailable
from domain.errors import NotFound
from domain.hosted_session import HostedSession
from domain.machine import Status
from domain.workspace import Workspace
from interfaces.http.errors import errors
from interfaces.http.responses import Json
from interfaces.warpdrive import views as present
from interfaces.warpdrive.credentials import Who
from interfaces.warpdrive.deps import WarpdriveDeps, warpdrive_deps
from interfaces.warpdrive.guest_status import machine_statuses
from interfaces.warpdrive.views import GuestOut, SessionDetailOut, SessionOut
from projections import guests, hosted_sessions

router = APIRouter(tags=["hosted sessions"], responses=errors(400, 401))
STARTING = 20.0  # seconds that a new session's machine is waited for

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS"


class CreateSession(BaseModel):
    """What is to be hosted."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"machine_id": "default", "region": "local", "pub_key": KEY}}
    )

    machine_id: str = Field(description="a machine configuration")
    region: str = Field(description="where it runs")
    no_join: StrictBool = Field(False, description="nobody else may join")
    pub_key: str = Field(description="an SSH public key that opens the machine")


# Not async, it would be called in a thread, which costs more than it does.
async def session_id(session_id: str) -> UUID:
    try:
        return UUID(session_id)
    except ValueError:
        raise NotFound("no such session") from None


Id = Annotated[UUID, Depends(session_id)]
Limit = Annotated[int | None, Query(ge=0, le=1000, description="at most so many; none: all")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="so many are left out first")]


@router.get("/sessions", response_model=list[SessionOut])
async def list_sessions(request: Request, who: Who, limit: Limit = None, offset: Offset = 0) -> Response:
    """The caller's running sessions, newest first."""
    require(who, "hosted_session.list")
    found = await hosted_sessions.list_owned_by(warpdrive_deps(request).queries, who.user_id, limit, offset)
    return Json([present.session(row) for row in found.rows])


@router.post("/sessions", status_code=201, response_model=SessionOut)
async def create_session(request: Request, who: Who, body: CreateSession) -> Response:
    """A new session. Its machine runs, as a rule, when this is answered."""
    deps = warpdrive_deps(request)
    made = await deps.hosted_sessions.open(
        who, machine_id=body.machine_id, region=body.region, no_join=body.no_join, pub_key=body.pub_key
    )
    await started(deps, who, made)
    return Json(present.session(made), 201)


async def started(deps: WarpdriveDeps, who: Actor, session: HostedSession) -> None:
    """Wait for its machine, for a while. One that cannot be made ends the session. Raises `Unavailable`."""
    try:
        async with asyncio.timeout(STARTING), aclosing(machine_statuses(deps, who, session.workspace_id)) as statuses:
            async for status, error in statuses:
                if status == Status.RUNNING:
                    return
                if status == Status.FAILED:
                    await deps.hosted_sessions.end(who, session.id)
                    raise Unavailable("machine", f"the session's machine cannot be made: {error}", retry_after=30)
    except TimeoutError:
        return  # it is still on its way


@router.get("/sessions/{session_id}", response_model=SessionDetailOut, responses=errors(404))
async def get_session(request: Request, who: Who, id: Id) -> Response:
    """A session, with how to log in to it."""
    deps = warpdrive_deps(request)
    session = await deps.hosted_sessions.own(who, id, "hosted_session.see")
    machine = await deps.platform.load(Workspace, session.workspace_id)
    return Json(present.session(session) | {"ssh": present.ssh(machine)})


@router.delete("/sessions/{session_id}", response_model=dict[str, Any], responses=errors(404))
@router.post("/sessions/{session_id}/terminate", response_model=dict[str, Any], responses=errors(404))
async def end_session(request: Request, who: Who, id: Id) -> Response:
    """End it: the machine goes, and whoever is in."""
    await warpdrive_deps(request).hosted_sessions.end(who, id)
    return Json({})


@router.get("/sessions/{session_id}/guests", response_model=list[GuestOut], responses=errors(404))
async def list_guests(request: Request, who: Who, id: Id) -> Response:
    """Who waits to join, who has joined, and who is on their way out."""
    deps = warpdrive_deps(request)
    session = await deps.hosted_sessions.own(who, id, "hosted_session.see")
    rows = await guests.list_present(deps.queries, session.id)
    asked = await deps.join_requests.find([row.joiner_id for row in rows])
    return Json([present.guest(row, asked[row.joiner_id]) for row in rows if row.joiner_id in asked])


@router.get("/user/guest_sessions", response_model=list[SessionOut])
async def list_guest_sessions(request: Request, who: Who) -> Response:
    """The sessions of others that the caller is in."""
    require(who, "guest.list")
    rows = await guests.list_joined_by(warpdrive_deps(request).queries, who.user_id)
    return Json([present.session(row) for row in rows])
