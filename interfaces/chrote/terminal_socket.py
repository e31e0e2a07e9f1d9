"""/ws/terminal/{session}: one session over one WebSocket (C49 to C59), for a client that is a terminal and no more."""

from __future__ import annotations

from typing import assert_never

import anyio
from fastapi import APIRouter, WebSocket

from application.ports.errors import Unavailable
from application.ports.terminals import PaneNotFound, View
from application.sessions import may_view
from application.terminals import MayNotType, NotClaimed, TerminalUnavailable
from domain.errors import NotFound
from interfaces.chrote.connection import NO_SESSION_CODE, Connection, ConnectionClosed, open_connection
from interfaces.chrote.messages import (
    Connected,
    Heartbeat,
    MessageError,
    SendKeys,
    TerminalRequest,
    encode_output,
    parse_mode,
    parse_terminal_request,
)
from interfaces.chrote.session_views import terminal_address
from interfaces.chrote.sessions import find_session
from projections.sessions import ListedSession
from projections.stream_reader import Push

router = APIRouter()
MAX_REASON_CHARS = 100  # a WebSocket's close frame holds 123 bytes


@router.websocket("/ws/terminal/{id:path}")
async def one_session(socket: WebSocket, id: str, pane: str | None = None, mode: str | None = None) -> None:
    if (connection := await open_connection(socket)) is None:
        return
    deps, actor = connection.deps, connection.actor
    try:
        with connection.opened:
            session = await find_session(deps, actor, id)
            whole_screens = parse_mode(mode)
            async with (
                deps.presence.track(session.id, actor.user_id),
                deps.terminals.view(terminal_address(session), pane or None, plain=whole_screens) as view,
            ):
                await Terminal(connection, session, pane or None).run(view)
    except (NotFound, MessageError, Unavailable) as error:
        await connection.close(NO_SESSION_CODE, str(error)[:MAX_REASON_CHARS])
    except ConnectionClosed:
        pass


class Terminal:
    """One client at one session."""

    def __init__(self, connection: Connection, session: ListedSession, pane: str | None) -> None:
        self._connection, self._deps = connection, connection.deps
        self._session, self._pane, self._name = session, pane, session.name

    async def run(self, view: View) -> None:
        """Serve the client. Raises `NotFound` when the session has gone, `ConnectionClosed` when the socket has."""
        actor = self._connection.actor
        await self._connection.send(Connected(actor.user_id, str(actor.role), self._name))
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._show, view)
                tasks.start_soon(self._connection.follow, self._require_view, self._on_push)
                await self._connection.listen(parse_terminal_request, self._answer)
        except BaseExceptionGroup as errors:
            _, rest = errors.split(NotFound)
            closed, rest = rest.split(ConnectionClosed) if rest else (None, None)
            if rest:
                raise rest from None
            if closed:
                raise ConnectionClosed from None
            raise NotFound("Session not found") from None

    async def _show(self, view: View) -> None:
        while True:
            frame = await view.next()
            await self._connection.send_text(encode_output(self._name, frame))  # `_name` may have changed meanwhile

    async def _require_view(self) -> None:
        """Raises `NotFound` if the actor's role does not allow to view the session any more."""
        if not may_view(self._connection.actor, self._session.owner_id):
            raise NotFound("Session not found")

    async def _on_push(self, push: Push) -> None:
        await self._require_view()
        if push.entry.kind == "session.renamed" and push.entry.subject == self._session.id:
            self._name = push.entry.facts["name"]

    async def _answer(self, request: TerminalRequest) -> None:
        match request:
            case SendKeys():
                await self._send_keys(request)
            case Heartbeat():
                pass  # receiving it has restarted the time-out
            case _:
                assert_never(request)

    async def _send_keys(self, request: SendKeys) -> None:
        try:
            await self._deps.terminal_input.type_keys(
                self._connection.actor,
                self._session.claim_session_id,
                terminal_address(self._session),
                self._session.owner_id,
                request.pane or self._pane,
                request.keys,
                claim_needed=True,
            )
        except MayNotType:
            raise MessageError("NOT_OPERATOR", "Only operators can send keys") from None
        except NotClaimed:
            raise MessageError("NOT_CLAIMED", "You must claim the session before sending keys") from None
        except (PaneNotFound, TerminalUnavailable) as error:
            raise MessageError("TMUX_ERROR", str(error)) from None
        except NotFound as error:
            raise MessageError("SESSION_NOT_FOUND", str(error)) from None
