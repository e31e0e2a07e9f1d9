"""/sse/session: the owner is told who asks to join, and a guest what came of it (W22 to W34).

Neither stream needs a place to come back to: the owner's begins with all that waits, and the guest's is one question.
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
from interfaces.http.identity import as_utf8, client_address, from_trusted_peer
from interfaces.http.sse import SEND_SECONDS, Stream, sending
from interfaces.warpdrive import views as present
from interfaces.warpdrive.credentials import Who
from interfaces.warpdrive.deps import WarpdriveDeps, warpdrive_deps
from interfaces.warpdrive.guest_status import standings
from interfaces.warpdrive.sessions import KEY, Id
from projections import guests
from projections.stream_reader import AccessRevoked, CutOff, Push, ShuttingDown, StreamMessage

log = logging.getLogger(__name__)
router = APIRouter(prefix="/sse/session", tags=["hosted sessions"], responses=errors(400, 401, 404))
ASKS = ("guest.asked", "guest.asked_again", "guest.not_installed")
UNKNOWN = "unknown"


class Ask(BaseModel):
    """With what to join."""

    model_config = ConfigDict(json_schema_extra={"example": {"pub_key": KEY, "user": "bob"}})

    pub_key: str = Field(description="an SSH public key")
    user: str = Field(description="what to be called on the machine; the owner may choose something else")


# -- the owner's -----------------------------------------------------------------------------------------------


@router.get("/{session_id}/owner", status_code=200, response_class=Stream)
async def owner_stream(request: Request, who: Who, id: Id) -> Stream:
    """Who asks to join: first all who wait already, then whoever comes. It ends with the session."""
    deps = warpdrive_deps(request)
    session = await deps.hosted_sessions.own(who, id, "hosted_session.see")
    return Stream(asked_to_join(deps, who, session), **sending(request))


async def asked_to_join(deps: WarpdriveDeps, who: Actor, session: HostedSession) -> AsyncIterator[bytes]:
    yield comment("who asks to join this session")
    owner = Actor(who.user_id, "", request_id=who.request_id)
    try:
        found = await guests.list_waiting(deps.queries, session.id, deps.clock())
        if told := await frames(deps, session, [row.joiner_id for row in found.rows]):
            yield told
        async for some in deps.hub.follow(owner, None, found.position):
            if told := await frames(deps, session, asks(some, session)):
                yield told
            if any(isinstance(it, Push) and it.entry.subject == session.id for it in some):
                return  # all that can still happen to it is its end
    except (ShuttingDown, AccessRevoked, Unavailable):
        return  # the client comes back, and is shown what waits then
    except CutOff:
        yield comment("cut off: you do not keep up; come back")


def asks(some: Sequence[StreamMessage], session: HostedSession) -> list[UUID]:
    """Who asks to join this session, of what has happened."""
    states = [it.entry.state for it in some if isinstance(it, Push) and it.entry.kind in ASKS]
    return [UUID(str(it["joiner_id"])) for it in states if it and str(it["session_id"]) == str(session.id)]


async def frames(deps: WarpdriveDeps, session: HostedSession, joiner_ids: list[UUID]) -> bytes:
    """Without those who have gone meanwhile."""
    asked = await deps.join_requests.find(joiner_ids) if joiner_ids else {}
    return b"".join(present.join_requested(session.alias, asked[id]) for id in joiner_ids if id in asked)


# -- the guest's -----------------------------------------------------------------------------------------------


class GuestStream(Stream):
    """It lasts as long as somebody waits. Who hangs up, however early, withdraws."""

    def __init__(self, request: Request, who: Actor, asked: JoinRequest, room: ExitStack) -> None:
        super().__init__(self.outcome(), **sending(request))
        self.deps, self.who, self.asked, self.room = warpdrive_deps(request), who, asked, room
        self.decided = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.room:
            try:
                await super().__call__(scope, receive, send)
            finally:
                if not self.decided:
                    with anyio.CancelScope(shield=True), anyio.move_on_after(SEND_SECONDS):
                        await self.withdraw()

    async def outcome(self) -> AsyncIterator[bytes]:
        deps, asked = self.deps, self.asked
        yield comment("waiting for the owner")
        try:
            guest = await deps.platform.load(Guest, asked.guest_id)
            async with aclosing(standings(deps, guest.id, guest.owner_id, asked.joiner_id)) as told:
                async for now in told:
                    # Asked once more, by another stream, this one is not waited for any longer.
                    standing = now.status if now.joiner_id == asked.joiner_id else GuestStatus.WITHDRAWN
                    if standing in present.OUTCOMES:
                        self.decided = True
                        yield present.outcome(present.OUTCOMES[standing])
                        return
        except (ShuttingDown, AccessRevoked, CutOff, Unavailable):
            return  # they come back, and ask again

    async def withdraw(self) -> None:
        try:
            cause = Cause(self.who.user_id, self.who.request_id)
            await self.deps.guests.withdraw(self.asked.joiner_id, self.asked.guest_id, cause)
        except Exception as why:  # then the time limit does it
            log.warning("a request could not be withdrawn", extra={"because": str(why)})


@router.post("/alias/{alias}/guest", status_code=200, response_class=Stream)
async def guest_stream(request: Request, who: Who, alias: str, body: Ask) -> Stream:
    """Ask to join, and wait for what the owner says. To hang up is to withdraw.

    Who comes back while their approval is carried out is told what comes of that.
    """
    deps = warpdrive_deps(request)
    with ExitStack() as room:
        room.enter_context(deps.waiting_room.enter(alias.lower()))
        try:
            asked = await deps.guests.ask(
                who,
                alias,
                pub_key=body.pub_key,
                user=body.user,
                client_ip=client_address(request),
                region=region(request, deps),
            )
        except AlreadyIn:
            return Stream(told_at_once(present.ALREADY_IN), **sending(request))
        return GuestStream(request, who, asked, room.pop_all())


async def told_at_once(what: dict[str, str]) -> AsyncIterator[bytes]:
    yield present.outcome(what)


def region(request: Request, deps: WarpdriveDeps) -> str:
    """Where the guest is, as a trusted proxy says in the header that is set for it."""
    header = deps.region_header
    if not header or not from_trusted_peer(request):
        return UNKNOWN
    said = as_utf8(request.headers.get(header, "")).strip()
    return said[:64] if said and said.isprintable() else UNKNOWN


def comment(text: str) -> bytes:
    return ServerSentEvent(comment=text).encode()
