"""/sse/session: requests to join for the owner, and the outcome of a request for its guest (W22 to W34).

Neither stream has positions: the owner's begins with every waiting request, and the guest's is about one request.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, aclosing
from uuid import UUID

import anyio
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from application.access import Actor, Cause
from application.ports.errors import Unavailable
from application.ports.hosted_sessions import JoinRequest
from domain.guest import AlreadyIn, Guest, GuestStatus
from domain.hosted_session import HostedSession
from interfaces.http.errors import errors
from interfaces.http.identity import as_utf8, forwarded_address, from_trusted_peer, require_key_holder
from interfaces.http.leases import leased
from interfaces.http.sse import SEND_TIMEOUT_S, Stream, StreamOptions, stream_options
from interfaces.warpdrive import views
from interfaces.warpdrive.credentials import KeyHolder
from interfaces.warpdrive.deps import WarpdriveDeps, warpdrive_deps
from interfaces.warpdrive.guest_status import follow_guest_status
from interfaces.warpdrive.sessions import KEY, Id
from interfaces.warpdrive.views import Outcome
from projections import guests
from projections.stream_reader import AccessRevoked, CutOff, Push, ShuttingDown, StreamMessage

log = logging.getLogger(__name__)
router = APIRouter(prefix="/sse/session", tags=["hosted sessions"], responses=errors(400, 401, 404))
ASKS = ("guest.asked", "guest.asked_again", "guest.not_installed")
UNKNOWN = "unknown"


class Ask(BaseModel):
    """A request to join."""

    model_config = ConfigDict(json_schema_extra={"example": {"pub_key": KEY, "user": "bob"}})

    pub_key: str = Field(description="an SSH public key")
    user: str = Field(description="what to be called on the machine; the owner may choose something else")


# -- the owner's -----------------------------------------------------------------------------------------------


@router.get("/{session_id}/owner", status_code=200, response_class=Stream)
async def owner_stream(request: Request, actor: KeyHolder, id: Id) -> Stream:
    """Who asks to join: first all who wait already, then whoever comes. It ends with the session."""
    deps = warpdrive_deps(request)
    session = await deps.hosted_sessions.own(actor, id, "hosted_session.see")
    frames = leased(request, actor, require_key_holder, join_requests(deps, actor, session))
    return Stream(frames, **await stream_options(request, actor))


async def join_requests(deps: WarpdriveDeps, actor: Actor, session: HostedSession) -> AsyncIterator[bytes]:
    """The owner's frames: every waiting request, then every new one."""
    yield comment("who asks to join this session")
    owner = Actor(actor.user_id, "", request_id=actor.request_id)
    try:
        listing = await guests.list_waiting(deps.queries, session.id, deps.clock())
        if data := await frames(deps, session, [row.joiner_id for row in listing.rows]):
            yield data
        async for batch in deps.hub.follow(owner, None, listing.position):
            if data := await frames(deps, session, joiners_of(batch, session)):
                yield data
            if any(isinstance(item, Push) and item.entry.subject == session.id for item in batch):
                return  # the only event of a session that is open is its end
    except (ShuttingDown, AccessRevoked, Unavailable):
        return  # the client reconnects and gets the requests that wait then
    except CutOff:
        yield comment("cut off: you do not keep up; come back")


def joiners_of(batch: Sequence[StreamMessage], session: HostedSession) -> list[UUID]:
    """The requests to join this session among a batch of events."""
    states = [item.entry.state for item in batch if isinstance(item, Push) and item.entry.kind in ASKS]
    return [UUID(str(state["joiner_id"])) for state in states if state and str(state["session_id"]) == str(session.id)]


async def frames(deps: WarpdriveDeps, session: HostedSession, joiner_ids: list[UUID]) -> bytes:
    """The frames of these requests, without those that are withdrawn meanwhile."""
    requests = await deps.join_requests.find(joiner_ids) if joiner_ids else {}
    return b"".join(views.join_requested(session.alias, requests[id]) for id in joiner_ids if id in requests)


# -- the guest's -----------------------------------------------------------------------------------------------


class GuestStream(Stream):
    """The stream of one request to join. A client that disconnects, however early, withdraws the request."""

    def __init__(
        self, request: Request, actor: Actor, join_request: JoinRequest, room: ExitStack, options: StreamOptions
    ) -> None:
        super().__init__(leased(request, actor, require_key_holder, self.outcome()), **options)
        self.deps, self.actor, self.join_request, self.room = warpdrive_deps(request), actor, join_request, room
        self.decided = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.room:
            try:
                await super().__call__(scope, receive, send)
            finally:
                if not self.decided:
                    with anyio.CancelScope(shield=True), anyio.move_on_after(SEND_TIMEOUT_S):
                        await self.withdraw()

    async def outcome(self) -> AsyncIterator[bytes]:
        """The guest's frames: one, once the request is decided."""
        deps, join_request = self.deps, self.join_request
        yield comment("waiting for the owner")
        try:
            guest = await deps.platform.load(Guest, join_request.guest_id)
            async with aclosing(follow_guest_status(deps, guest.id, guest.owner_id, join_request.joiner_id)) as updates:
                async for update in updates:
                    # A newer request of the same guest, on another stream, replaces this one.
                    status = update.status if update.joiner_id == join_request.joiner_id else GuestStatus.WITHDRAWN
                    if status in views.OUTCOMES:
                        self.decided = True
                        yield views.outcome(views.OUTCOMES[status])
                        return
        except (ShuttingDown, AccessRevoked, CutOff, Unavailable):
            return  # the client reconnects and asks again

    async def withdraw(self) -> None:
        """Withdraw the request. If that fails, its time limit ends it."""
        try:
            cause = Cause(self.actor.user_id, self.actor.request_id)
            await self.deps.guests.withdraw(self.join_request.joiner_id, self.join_request.guest_id, cause)
        except Exception as error:
            log.warning("a request could not be withdrawn", extra={"because": str(error)})


@router.post("/alias/{alias}/guest", status_code=200, response_class=Stream)
async def guest_stream(request: Request, actor: KeyHolder, alias: str, body: Ask) -> Stream:
    """Ask to join, and wait for what the owner says. To hang up is to withdraw.

    Who comes back while their approval is carried out is told what comes of that.
    """
    deps = warpdrive_deps(request)
    with ExitStack() as room:
        room.enter_context(deps.waiting_room.enter(alias.lower()))
        options = await stream_options(request, actor)
        room.enter_context(options["opened"])
        try:
            join_request = await deps.guests.ask(
                actor,
                alias,
                pub_key=body.pub_key,
                user=body.user,
                client_ip=forwarded_address(request),
                region=region(request, deps),
            )
        except AlreadyIn:
            return Stream(single_outcome(views.ALREADY_IN), **options)
        return GuestStream(request, actor, join_request, room.pop_all(), options)


async def single_outcome(outcome: Outcome) -> AsyncIterator[bytes]:
    """The frames of a request that is decided at once."""
    yield views.outcome(outcome)


def region(request: Request, deps: WarpdriveDeps) -> str:
    """The client's region, from the header that a trusted proxy sets; "unknown" without one."""
    header = deps.region_header
    if not header or not from_trusted_peer(request):
        return UNKNOWN
    name = as_utf8(request.headers.get(header, "")).strip()
    return name[:64] if name and name.isprintable() else UNKNOWN


def comment(text: str) -> bytes:
    """A comment, which clients ignore."""
    return ServerSentEvent(comment=text).encode()
