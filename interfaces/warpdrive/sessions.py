"""/sessions: hosted sessions, and how to log in to them (W07 to W14, W36)."""

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
from interfaces.warpdrive import views
from interfaces.warpdrive.credentials import KeyHolder
from interfaces.warpdrive.deps import WarpdriveDeps, warpdrive_deps
from interfaces.warpdrive.guest_status import follow_machine_status
from interfaces.warpdrive.views import GuestOut, SessionDetailOut, SessionOut
from projections import guests, hosted_sessions

router = APIRouter(tags=["hosted sessions"], responses=errors(400, 401))
START_TIMEOUT_S = 20.0  # for the machine of a new session

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


# Async, although it awaits nothing: FastAPI calls other functions in a thread, which costs more.
async def parse_session_id(session_id: str) -> UUID:
    """The id in the path. Raises `NotFound` for anything but a UUID."""
    try:
        return UUID(session_id)
    except ValueError:
        raise NotFound("no such session") from None


Id = Annotated[UUID, Depends(parse_session_id)]
Limit = Annotated[int | None, Query(ge=0, le=1000, description="at most so many; none: all")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="so many are left out first")]


@router.get("/sessions", response_model=list[SessionOut])
async def list_sessions(request: Request, actor: KeyHolder, limit: Limit = None, offset: Offset = 0) -> Response:
    """The caller's running sessions, newest first."""
    require(actor, "hosted_session.list")
    listing = await hosted_sessions.list_owned_by(warpdrive_deps(request).queries, actor.user_id, limit, offset)
    return Json([views.session(row) for row in listing.rows])


@router.post("/sessions", status_code=201, response_model=SessionOut)
async def create_session(request: Request, actor: KeyHolder, body: CreateSession) -> Response:
    """A new session. Its machine runs, as a rule, when this is answered."""
    deps = warpdrive_deps(request)
    session = await deps.hosted_sessions.open(
        actor, machine_id=body.machine_id, region=body.region, no_join=body.no_join, pub_key=body.pub_key
    )
    await wait_until_started(deps, actor, session)
    return Json(views.session(session), 201)


async def wait_until_started(deps: WarpdriveDeps, actor: Actor, session: HostedSession) -> None:
    """Wait for the session's machine, at most `START_TIMEOUT_S`. Raises `Unavailable` if it cannot be made."""
    try:
        async with (
            asyncio.timeout(START_TIMEOUT_S),
            aclosing(follow_machine_status(deps, actor, session.workspace_id)) as statuses,
        ):
            async for status, error in statuses:
                if status == Status.RUNNING:
                    return
                if status == Status.FAILED:
                    await deps.hosted_sessions.end(actor, session.id)
                    raise Unavailable("machine", f"the session's machine cannot be made: {error}", retry_after=30)
    except TimeoutError:
        return  # the machine is still being created


@router.get("/sessions/{session_id}", response_model=SessionDetailOut, responses=errors(404))
async def get_session(request: Request, actor: KeyHolder, id: Id) -> Response:
    """A session, with how to log in to it."""
    deps = warpdrive_deps(request)
    session = await deps.hosted_sessions.own(actor, id, "hosted_session.see")
    machine = await deps.platform.load(Workspace, session.workspace_id)
    return Json(views.session(session) | {"ssh": views.ssh(machine)})


@router.delete("/sessions/{session_id}", response_model=dict[str, Any], responses=errors(404))
@router.post("/sessions/{session_id}/terminate", response_model=dict[str, Any], responses=errors(404))
async def end_session(request: Request, actor: KeyHolder, id: Id) -> Response:
    """End it: the machine goes, and whoever is in."""
    await warpdrive_deps(request).hosted_sessions.end(actor, id)
    return Json({})


@router.get("/sessions/{session_id}/guests", response_model=list[GuestOut], responses=errors(404))
async def list_guests(request: Request, actor: KeyHolder, id: Id) -> Response:
    """Who waits to join, who has joined, and who is on their way out."""
    deps = warpdrive_deps(request)
    session = await deps.hosted_sessions.own(actor, id, "hosted_session.see")
    rows = await guests.list_present(deps.queries, session.id)
    requests = await deps.join_requests.find([row.joiner_id for row in rows])
    return Json([views.guest(row, requests[row.joiner_id]) for row in rows if row.joiner_id in requests])


@router.get("/user/guest_sessions", response_model=list[SessionOut])
async def list_guest_sessions(request: Request, actor: KeyHolder) -> Response:
    """The sessions of others that the caller is in."""
    require(actor, "guest.list")
    rows = await guests.list_joined_by(warpdrive_deps(request).queries, actor.user_id)
    return Json([views.session(row) for row in rows])
