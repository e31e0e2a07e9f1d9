"""/ws/terminal/{session}: one session over one WebSocket (C49 to C59), for a terminal and nothing else."""

from __future__ import annotations

from typing import Any

import anyio
from fastapi import APIRouter, WebSocket

from application.ports.errors import Unavailable
from application.ports.terminals import PaneNotFound, View
from application.sessions import may_view
from application.terminals import MayNotType, NotClaimed, TerminalUnavailable
from domain.errors import NotFound
from interfaces.chrote.messages import NO_SESSION, Over, Wire, Wrong, keys_of, opened, pane_of, plain
from interfaces.chrote.session_views import address
from interfaces.chrote.sessions import find
from interfaces.chrote.socket import shown
from interfaces.chrote.views import user_id
from projections.sessions import ListedSession
from projections.stream_reader import Push

router = APIRouter()


@router.websocket("/ws/terminal/{id:path}")
async def one_session(socket: WebSocket, id: str, pane: str | None = None, mode: str | None = None) -> None:
    if (wire := await opened(socket)) is None:
        return
    try:
        session = await find(wire.deps, wire.actor, id)
        as_text = plain(mode)
        async with (
            wire.deps.presence.track(session.id, wire.actor.user_id),
            wire.deps.terminals.view(address(session), pane or None, plain=as_text) as view,
        ):
            await Terminal(wire, session, pane or None).run(view)
    except (NotFound, Wrong, Unavailable) as gone:
        await wire.close(NO_SESSION, str(gone)[:100])
    except Over:
        pass


class Terminal:
    def __init__(self, wire: Wire, session: ListedSession, pane: str | None) -> None:
        self._wire, self._deps = wire, wire.deps
        self._session, self._pane, self._name = session, pane, session.name

    async def run(self, view: View) -> None:
        """Raises `NotFound` when the session has gone, `Over` when the socket is closed."""
        actor = self._wire.actor
        await self._wire.say(
            {
                "type": "connected",
                "sessionId": self._name,
                "userId": user_id(actor.user_id),
                "role": str(actor.role),
            }
        )
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._show, view)
                tasks.start_soon(self._wire.follow, self._ready, self._told)
                await self._wire.listen(self._answer)
        except BaseExceptionGroup as ends:
            _, rest = ends.split(NotFound)
            over, rest = rest.split(Over) if rest else (None, None)
            if rest:
                raise rest from None
            if over:
                raise Over from None
            raise NotFound("Session not found") from None

    async def _show(self, view: View) -> None:
        while True:
            it = await view.next()
            await self._wire.send(shown(self._name, it))  # by the name that it has now

    async def _ready(self) -> None:
        """Nothing to tell: what there is to see comes by itself."""
        if not may_view(self._wire.actor, self._session.owner_id):
            raise NotFound("Session not found")

    async def _told(self, push: Push) -> None:
        if not may_view(self._wire.actor, self._session.owner_id):
            raise NotFound("Session not found")  # their role is another one now
        if push.entry.kind == "session.renamed" and push.entry.subject == self._session.id:
            self._name = push.entry.facts["name"]

    async def _answer(self, said: dict[str, Any]) -> None:
        match said["type"]:
            case "sendKeys":
                await self._send_keys(keys_of(said), pane_of(said))
            case "heartbeat":
                pass
            case _:
                raise Wrong("UNKNOWN_TYPE", "There are messages of type sendKeys and heartbeat")

    async def _send_keys(self, keys: bytes, pane: str | None) -> None:
        try:
            await self._deps.terminal_input.type_keys(
                self._wire.actor,
                self._session.id,
                address(self._session),
                self._session.owner_id,
                pane or self._pane,
                keys,
                claim_needed=True,
            )
        except MayNotType:
            raise Wrong("NOT_OPERATOR", "Only operators can send keys") from None
        except NotClaimed:
            raise Wrong("NOT_CLAIMED", "You must claim the session before sending keys") from None
        except (PaneNotFound, TerminalUnavailable) as error:
            raise Wrong("TMUX_ERROR", str(error)) from None
        except NotFound as error:
            raise Wrong("SESSION_NOT_FOUND", str(error)) from None
