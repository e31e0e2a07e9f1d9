"""/ws: any number of sessions over one WebSocket (C36 to C48)."""

from __future__ import annotations

from functools import partial
from typing import assert_never
from uuid import UUID

import anyio
from anyio.abc import TaskGroup
from fastapi import APIRouter, WebSocket

from application.ports.errors import Unavailable
from application.ports.terminals import Frame
from application.sessions import may_view
from application.terminals import ClaimedByOther, MayNotType, TerminalUnavailable
from domain.claim import Claimed
from domain.errors import NotAllowed, NotFound
from interfaces.chrote.connection import Connection, ConnectionClosed, open_connection
from interfaces.chrote.messages import (
    ClaimDetails,
    ClaimReleased,
    ClaimRequested,
    ClaimTaken,
    Connected,
    HandOver,
    Heartbeat,
    Message,
    MessageError,
    PresenceMessage,
    ReleaseClaim,
    RequestClaim,
    SendKeysTo,
    SessionList,
    SessionsRequest,
    Subscribe,
    TakeClaim,
    Unsubscribe,
    encode_output,
    parse_sessions_request,
)
from interfaces.chrote.session_views import SessionJson, terminal_address
from interfaces.chrote.sessions import find_session, session_views, visible_sessions
from projections import sessions
from projections.sessions import ListedSession
from projections.stream_reader import Push
from projections.trail import Entry

router = APIRouter()
CLAIM_TAKEN_EVENTS = ("claim.taken", "claim.taken_again", "claim.renewed", "claim.handed_over")
CLAIM_ENDED_EVENTS = ("claim.released", "claim.expired")


@router.websocket("/ws")
async def all_sessions(socket: WebSocket) -> None:
    if (connection := await open_connection(socket)) is None:
        return
    with connection.opened:
        try:
            async with anyio.create_task_group() as tasks:
                await Conversation(connection, tasks).run()
        except* ConnectionClosed:
            pass


class Subscription:
    """One session that the client watches. Cancelling `scope` ends its output."""

    def __init__(self, session: ListedSession, pane: str | None) -> None:
        self.session, self.pane = session, pane
        self.scope = anyio.CancelScope()


class Conversation:
    """The requests, events and subscriptions of one client."""

    def __init__(self, connection: Connection, tasks: TaskGroup) -> None:
        self._connection, self._deps, self._tasks = connection, connection.deps, tasks
        self._shared_frames = connection.deps.shared_frames
        self._subscriptions: dict[UUID, Subscription] = {}
        self._names: dict[UUID, str] = {}  # present names of the subscribed sessions, which may be renamed

    async def run(self) -> None:
        """Serve the client until the connection ends. Raises `ConnectionClosed`."""
        actor = self._connection.actor
        await self._connection.send(Connected(actor.user_id, str(actor.role)))
        self._tasks.start_soon(self._connection.follow, self._send_sessions, self._on_push)
        await self._connection.listen(parse_sessions_request, self._answer)

    # -- events ------------------------------------------------------------------

    async def _send_sessions(self) -> None:
        for subscription in list(self._subscriptions.values()):
            if not may_view(self._connection.actor, subscription.session.owner_id):  # after a change of role
                await self._end(subscription, MessageError("SESSION_NOT_FOUND", "Session does not exist"))
        _, visible = await visible_sessions(self._deps, self._connection.actor)
        await self._connection.send(SessionList(visible))

    async def _send_changed_sessions(self, position: int) -> None:
        """Send the list after an event. It is read once for all clients, and filtered for each."""

        async def read_all() -> list[tuple[UUID | None, SessionJson]]:
            rows = (await sessions.list_all(self._deps.queries, self._deps.clock())).rows
            return await session_views(self._deps, rows)

        listed = await self._shared_frames.value(("listed", position), read_all)
        visible = [(owner, view) for owner, view in listed if may_view(self._connection.actor, owner)]
        owners = frozenset(owner for owner, _ in visible)  # clients with the same visible owners get the same list

        async def message() -> Message:
            return SessionList([view for _, view in visible])

        await self._connection.send_text(await self._shared_frames.frame(("sessions", position, owners), message))

    async def _on_push(self, push: Push) -> None:
        entry = push.entry
        if entry.kind == "user.role_changed" and entry.subject == self._connection.actor.user_id:
            await self._send_sessions()
        noun, _, event = entry.kind.partition(".")
        if noun == "session":
            if event == "renamed" and entry.subject in self._names:
                self._names[entry.subject] = entry.facts["name"]
            await self._send_changed_sessions(entry.position)
        elif noun == "claim" and entry.state:
            await self._on_claim_event(push, UUID(str(entry.state["session_id"])))

    async def _on_claim_event(self, push: Push, session_id: UUID) -> None:
        entry, own_id = push.entry, self._connection.actor.user_id
        rows = await sessions.list_by_claim(self._deps.queries, self._connection.actor, session_id, self._deps.clock())
        for row in rows:
            await self._send_claim_event(entry, own_id, row)

    async def _send_claim_event(self, entry: Entry, own_id: UUID, row: ListedSession) -> None:
        handed_over = entry.kind == "claim.handed_over" and entry.by == own_id
        if entry.kind in CLAIM_ENDED_EVENTS or handed_over or str(entry.facts.get("from_id")) == str(own_id):
            await self._connection.send(ClaimReleased(row.name))
        if entry.kind in CLAIM_TAKEN_EVENTS:
            holder, expires_at = UUID(str(entry.facts["holder_id"])), entry.facts["expires_at"]

            async def claim_taken() -> Message:
                return ClaimTaken(row.name, holder, expires_at, await self._deps.profiles.profiles([holder]))

            await self._connection.send_text(
                await self._shared_frames.frame(("claimed", entry.position, row.id), claim_taken)
            )
        if entry.kind == "claim.handover_requested" and str(entry.facts["holder_id"]) == str(own_id):
            user = UUID(str(entry.facts["user_id"]))
            await self._connection.send(ClaimRequested(row.name, user, await self._deps.profiles.profiles([user])))

    # -- requests ----------------------------------------------------------------

    async def _answer(self, request: SessionsRequest) -> None:
        match request:
            case Subscribe():
                await self._subscribe(request)
            case Unsubscribe():
                await self._unsubscribe(request)
            case SendKeysTo():
                await self._send_keys(request)
            case TakeClaim():
                await self._take_claim(request)
            case ReleaseClaim():
                session = await self._session(request.session_name)
                await self._deps.claims.release(self._connection.actor, session.claim_session_id)
            case RequestClaim():
                session = await self._session(request.session_name)
                await self._deps.claims.ask_for(self._connection.actor, session.claim_session_id, session.owner_id)
            case HandOver():
                session = await self._session(request.session_name)
                await self._deps.claims.hand_over(self._connection.actor, session.claim_session_id, request.to)
            case Heartbeat():
                pass  # receiving it has restarted the time-out
            case _:
                assert_never(request)

    async def _session(self, name: str) -> ListedSession:
        """A session by its name. Raises `MessageError`."""
        for id, current_name in self._names.items():
            if current_name == name and may_view(self._connection.actor, self._subscriptions[id].session.owner_id):
                return self._subscriptions[id].session
        try:
            return await find_session(self._deps, self._connection.actor, name)
        except NotFound:
            raise MessageError("SESSION_NOT_FOUND", "Session does not exist") from None

    async def _subscribe(self, request: Subscribe) -> None:
        session = await self._session(request.session_name)
        self._stop(session.id)
        self._subscriptions[session.id] = subscription = Subscription(session, request.pane)
        self._names[session.id] = request.session_name
        self._tasks.start_soon(self._show, subscription, request.whole_screens)

    async def _unsubscribe(self, request: Unsubscribe) -> None:
        for id in [id for id, name in self._names.items() if name == request.session_name]:
            self._stop(id)

    def _stop(self, id: UUID) -> None:
        if subscription := self._subscriptions.pop(id, None):
            del self._names[id]
            subscription.scope.cancel()

    async def _send_keys(self, request: SendKeysTo) -> None:
        session, pane = await self._session(request.session_name), request.pane
        if pane is None and session.id in self._subscriptions:
            pane = self._subscriptions[session.id].pane
        try:
            await self._deps.terminal_input.type_keys(
                self._connection.actor,
                session.claim_session_id,
                terminal_address(session),
                session.owner_id,
                pane,
                request.keys,
                claim_needed=False,
            )
        except MayNotType:
            raise MessageError("FORBIDDEN", "Viewers cannot send keys") from None
        except ClaimedByOther:
            raise MessageError("CLAIM_REQUIRED", "Session is claimed by another user") from None
        except NotFound as error:
            raise MessageError("SESSION_NOT_FOUND", str(error)) from None
        except TerminalUnavailable as error:
            raise MessageError("TMUX_ERROR", str(error)) from None

    async def _take_claim(self, request: TakeClaim) -> None:
        session = await self._session(request.session_name)
        try:
            await self._deps.claims.take(self._connection.actor, session.claim_session_id, session.owner_id)
        except NotAllowed:
            raise MessageError("FORBIDDEN", "Viewers cannot claim sessions") from None
        except Claimed as error:
            raise MessageError("ALREADY_CLAIMED", str(error), ClaimDetails.of(error)) from None

    # -- output ------------------------------------------------------------------

    async def _show(self, subscription: Subscription, whole_screens: bool) -> None:
        deps, id = self._deps, subscription.session.id
        address = terminal_address(subscription.session)
        with subscription.scope:
            try:
                async with (
                    deps.presence.track(id, self._connection.actor.user_id),
                    deps.terminals.view(address, subscription.pane, plain=whole_screens) as view,
                    anyio.create_task_group() as tasks,
                ):
                    await self._send_output(id, await view.next())
                    await self._send_claim(subscription)
                    tasks.start_soon(self._send_presence, id)
                    while True:
                        await self._send_output(id, await view.next())
            except* NotFound as errors:
                await self._end(subscription, MessageError("SESSION_NOT_FOUND", str(errors.exceptions[0])))
            except* Unavailable as errors:
                await self._end(subscription, MessageError("TMUX_ERROR", str(errors.exceptions[0])))

    async def _send_output(self, id: UUID, frame: Frame) -> None:
        await self._connection.send_text(encode_output(self._names[id], frame))

    async def _end(self, subscription: Subscription, reason: MessageError) -> None:
        if self._subscriptions.get(subscription.session.id) is subscription:
            self._stop(subscription.session.id)
        with anyio.CancelScope(shield=True):  # stopping has cancelled the scope that this may run in
            await self._connection.send(reason.error)

    async def _send_claim(self, subscription: Subscription) -> None:
        id, actor = subscription.session.id, self._connection.actor
        row = await sessions.get_by_id(self._deps.queries, actor, id, self._deps.clock())
        if row and row.holder_id:
            profiles = await self._deps.profiles.profiles([row.holder_id])
            await self._connection.send(ClaimTaken(self._names[row.id], row.holder_id, row.expires_at, profiles))

    async def _send_presence(self, id: UUID) -> None:
        attendees = None
        async with self._deps.presence.attendance(id) as attendance:
            while True:
                attendees = await attendance.after(attendees)
                name = self._names[id]
                message = partial(self._presence_message, name, attendees.users)
                frame = await self._shared_frames.frame(("presence", name, attendees), message)
                await self._connection.send_text(frame)

    async def _presence_message(self, name: str, users: tuple[UUID, ...]) -> Message:
        return PresenceMessage(name, users, await self._deps.profiles.profiles(users))
