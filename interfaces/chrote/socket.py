"""/ws: any number of sessions over one WebSocket (C36 to C48)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import anyio
from anyio.abc import TaskGroup
from fastapi import APIRouter, WebSocket

from application.ports.errors import Unavailable
from application.ports.terminals import Frame, View
from application.sessions import may_view
from application.terminals import ClaimedByOther, MayNotType, TerminalUnavailable
from domain.claim import Claimed
from domain.errors import NotAllowed, NotFound
from interfaces.chrote import session_views as present
from interfaces.chrote.messages import Over, Wire, Wrong, frame, keys_of, once, opened, pane_of, plain, text_of
from interfaces.chrote.sessions import find
from interfaces.chrote.views import parse, user_id
from projections import sessions
from projections.sessions import ListedSession
from projections.stream_reader import Push

router = APIRouter()
HELD = ("claim.taken", "claim.taken_again", "claim.renewed", "claim.handed_over")
FREE = ("claim.released", "claim.expired")


@router.websocket("/ws")
async def all_sessions(socket: WebSocket) -> None:
    if (wire := await opened(socket)) is None:
        return
    try:
        async with anyio.create_task_group() as tasks:
            await Conversation(wire, tasks).run()
    except* Over:
        pass


class Subscription:
    def __init__(self, session: ListedSession, pane: str | None) -> None:
        self.session, self.pane = session, pane
        self.scope = anyio.CancelScope()


class Conversation:
    """With one client."""

    def __init__(self, wire: Wire, tasks: TaskGroup) -> None:
        self._wire, self._deps, self._tasks = wire, wire.deps, tasks
        self._once = once(wire.socket)
        self._subscriptions: dict[UUID, Subscription] = {}
        self._names: dict[UUID, str] = {}  # of sessions that are subscribed to; they may be renamed
        self._answers: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "sendKeys": self._send_keys,
            "claim": self._claim,
            "release": self._release,
            "requestClaim": self._request_claim,
            "handover": self._hand_over,
            "heartbeat": self._heartbeat,
        }

    async def run(self) -> None:
        actor = self._wire.actor
        await self._wire.say({"type": "connected", "userId": user_id(actor.user_id), "role": str(actor.role)})
        self._tasks.start_soon(self._wire.follow, self._tell_sessions, self._told)
        await self._wire.listen(self._answer)

    async def _answer(self, said: dict[str, Any]) -> None:
        if (answer := self._answers.get(said["type"])) is None:
            raise Wrong("UNKNOWN_TYPE", f"There are messages of type {', '.join(self._answers)}")
        await answer(said)

    # -- what happens ------------------------------------------------------------

    async def _tell_sessions(self) -> None:
        for it in list(self._subscriptions.values()):
            if not may_view(self._wire.actor, it.session.owner_id):  # their role is another one now
                await self._ended(it, Wrong("SESSION_NOT_FOUND", "Session does not exist"))
        _, shown = await present.all_sessions(self._deps, self._wire.actor)
        await self._wire.say(as_sessions(shown))

    async def _sessions_changed(self, position: int) -> None:
        """The list is made once for everybody, and what they may not see then left out."""

        async def made() -> list[tuple[UUID | None, dict[str, Any]]]:
            rows = (await sessions.list_all(self._deps.queries, self._deps.clock())).rows
            return await present.shown_to_owners(self._deps, rows)

        listed = await self._once.value(("listed", position), made)
        seen = [(owner, shown) for owner, shown in listed if may_view(self._wire.actor, owner)]
        owners = frozenset(owner for owner, _ in seen)  # who sees the same owners' sees the same sessions

        async def message() -> dict[str, Any]:
            return as_sessions([shown for _, shown in seen])

        await self._wire.send(await self._once(("sessions", position, owners), message))

    async def _told(self, push: Push) -> None:
        entry = push.entry
        if entry.kind == "user.role_changed" and entry.subject == self._wire.actor.user_id:
            await self._tell_sessions()
        noun, _, what = entry.kind.partition(".")
        if noun == "session":
            if what == "renamed" and entry.subject in self._names:
                self._names[entry.subject] = entry.facts["name"]
            await self._sessions_changed(entry.position)
        elif noun == "claim" and entry.state:
            await self._told_of_claim(push, UUID(str(entry.state["session_id"])))

    async def _told_of_claim(self, push: Push, session_id: UUID) -> None:
        entry, me = push.entry, self._wire.actor.user_id
        row = await sessions.get_by_id(self._deps.queries, self._wire.actor, session_id, self._deps.clock())
        if row is None:
            return
        handed_over = entry.kind == "claim.handed_over" and entry.by == me
        if entry.kind in FREE or handed_over or str(entry.facts.get("from_id")) == str(me):
            await self._wire.say({"type": "released", "sessionId": row.name})
        if entry.kind in HELD:
            holder, until = UUID(str(entry.facts["holder_id"])), entry.facts["expires_at"]

            async def claimed() -> dict[str, Any]:
                return present.claimed_by(row.name, holder, until, await self._deps.profiles.profiles([holder]))

            await self._wire.send(await self._once(("claimed", entry.position), claimed))
        if entry.kind == "claim.handover_requested" and str(entry.facts["holder_id"]) == str(me):
            asking = UUID(str(entry.facts["user_id"]))
            by = {"id": user_id(asking), "name": present.name(asking, await self._deps.profiles.profiles([asking]))}
            await self._wire.say({"type": "claimRequested", "sessionId": row.name, "by": by})

    # -- what is asked -----------------------------------------------------------

    async def _session(self, said: dict[str, Any]) -> ListedSession:
        name = text_of(said, "sessionId")
        for id, known in self._names.items():
            if known == name and may_view(self._wire.actor, self._subscriptions[id].session.owner_id):
                return self._subscriptions[id].session
        try:
            return await find(self._deps, self._wire.actor, name)
        except NotFound:
            raise Wrong("SESSION_NOT_FOUND", "Session does not exist") from None

    async def _subscribe(self, said: dict[str, Any]) -> None:
        pane, as_text = pane_of(said), plain(said.get("mode"))
        session = await self._session(said)
        self._stop(session.id)
        self._subscriptions[session.id] = it = Subscription(session, pane)
        self._names[session.id] = text_of(said, "sessionId")
        self._tasks.start_soon(self._show, it, as_text)

    async def _unsubscribe(self, said: dict[str, Any]) -> None:
        name = text_of(said, "sessionId")
        for id in [id for id, known in self._names.items() if known == name]:
            self._stop(id)

    def _stop(self, id: UUID) -> None:
        if it := self._subscriptions.pop(id, None):
            del self._names[id]
            it.scope.cancel()

    async def _send_keys(self, said: dict[str, Any]) -> None:
        keys, pane = keys_of(said), pane_of(said)
        session = await self._session(said)
        if pane is None and session.id in self._subscriptions:
            pane = self._subscriptions[session.id].pane
        try:
            await self._deps.terminal_input.type_keys(
                self._wire.actor,
                session.id,
                present.address(session),
                session.owner_id,
                pane,
                keys,
                claim_needed=False,
            )
        except MayNotType:
            raise Wrong("FORBIDDEN", "Viewers cannot send keys") from None
        except ClaimedByOther:
            raise Wrong("CLAIM_REQUIRED", present.TAKEN) from None
        except NotFound as error:
            raise Wrong("SESSION_NOT_FOUND", str(error)) from None
        except TerminalUnavailable as error:
            raise Wrong("TMUX_ERROR", str(error)) from None

    async def _claim(self, said: dict[str, Any]) -> None:
        session = await self._session(said)
        try:
            await self._deps.claims.take(self._wire.actor, session.id, session.owner_id)
        except NotAllowed:
            raise Wrong("FORBIDDEN", "Viewers cannot claim sessions") from None
        except Claimed as no:
            until = present.millis(no.expires_at)
            raise Wrong("ALREADY_CLAIMED", str(no), claimedBy=user_id(no.holder_id), expiresAt=until) from None

    async def _release(self, said: dict[str, Any]) -> None:
        await self._deps.claims.release(self._wire.actor, (await self._session(said)).id)

    async def _request_claim(self, said: dict[str, Any]) -> None:
        session = await self._session(said)
        await self._deps.claims.ask_for(self._wire.actor, session.id, session.owner_id)

    async def _hand_over(self, said: dict[str, Any]) -> None:
        to = parse(text_of(said, "userId"), "user_", "user")
        await self._deps.claims.hand_over(self._wire.actor, (await self._session(said)).id, to)

    async def _heartbeat(self, said: dict[str, Any]) -> None:
        """That it came is all that there is to it."""

    # -- what is shown -----------------------------------------------------------

    async def _show(self, it: Subscription, as_text: bool) -> None:
        deps, id = self._deps, it.session.id
        with it.scope:
            try:
                async with (
                    deps.presence.track(id, self._wire.actor.user_id),
                    deps.terminals.view(present.address(it.session), it.pane, plain=as_text) as view,
                    anyio.create_task_group() as tasks,
                ):
                    await self._tell_output(id, view)
                    await self._tell_claim(it)
                    tasks.start_soon(self._tell_presence, id)
                    while True:
                        await self._tell_output(id, view)
            except* NotFound as gone:
                await self._ended(it, Wrong("SESSION_NOT_FOUND", str(gone.exceptions[0])))
            except* Unavailable as no:
                await self._ended(it, Wrong("TMUX_ERROR", str(no.exceptions[0])))

    async def _tell_output(self, id: UUID, view: View) -> None:
        it = await view.next()
        await self._wire.send(shown(self._names[id], it))  # by the name that it has now

    async def _ended(self, it: Subscription, why: Wrong) -> None:
        if self._subscriptions.get(it.session.id) is it:
            self._stop(it.session.id)
        with anyio.CancelScope(shield=True):
            await self._wire.wrong(why)

    async def _tell_claim(self, it: Subscription) -> None:
        row = await sessions.get_by_id(self._deps.queries, self._wire.actor, it.session.id, self._deps.clock())
        if row and row.holder_id:
            names = await self._deps.profiles.profiles([row.holder_id])
            await self._wire.say(present.claimed_by(self._names[row.id], row.holder_id, row.expires_at, names))

    async def _tell_presence(self, id: UUID) -> None:
        seen = None
        async with self._deps.presence.attendance(id) as attendance:
            while True:
                seen = users = await attendance.after(seen)
                name = self._names[id]
                made = partial(self._presence, name, users.users)
                await self._wire.send(await self._once(("presence", name, users), made))

    async def _presence(self, name: str, users: tuple[UUID, ...]) -> dict[str, Any]:
        return present.presence(name, users, await self._deps.profiles.profiles(users))


def as_sessions(shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "sessions", "sessions": shown}


def shown(name: str, it: Frame) -> str:
    """A frame, made once for all who see the same session by the same name."""
    if name not in it.encodings:
        it.encodings[name] = frame(present.output(name, it))
    return it.encodings[name]
