"""/connect/{vm}: a machine's display over WebRTC (N29 to N33). The WebSocket carries the signalling.

The offer has a data channel, `control`. Once that is open, the WebSocket is not needed any more and may close. The
messages of both are in messages.py.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, assert_never

import anyio
from fastapi import APIRouter, Response, WebSocket
from starlette.requests import Request
from starlette.websockets import WebSocketDisconnect

from application.console_rooms import NotYourTurn, RoomMember, TurnStatus
from application.ports.consoles import ConsoleViewer, Quality
from application.ports.displays import Act
from application.ports.errors import Unavailable
from application.vm_configs import WrongVmPassword
from domain.errors import Invalid, NotAllowed, NotFound, Refused
from interfaces.http.deps import http_deps
from interfaces.http.display_messages import Answer, BrowserCandidate, ErrorMessage, Offer, ServerCandidate
from interfaces.http.pages import Page
from interfaces.neptuned.credentials import BASE, member_not_banned, wait_until_access_ends
from interfaces.neptuned.deps import neptuned_deps
from interfaces.neptuned.messages import (
    ChannelMessage,
    ChannelRequest,
    ChooseQuality,
    LookAtTurn,
    ReleaseTurn,
    SocketMessage,
    SocketRequest,
    TakeTurn,
    TurnMessage,
    parse_channel_request,
    parse_socket_request,
)
from interfaces.neptuned.public import running_machine
from projections.stream_reader import ShuttingDown

router = APIRouter(prefix=BASE)
PAGE = Page("interfaces.neptuned", "console.html")
JOIN_TIMEOUT_S = 15.0  # from the end of the WebSocket until the browser can be sent pictures
NORMAL_CODE, SHUTTING_DOWN_CODE, ACCESS_ENDED_CODE, MACHINE_GONE_CODE = 1000, 1001, 1008, 1011
MAX_REASON_CHARS = 100  # a WebSocket's close frame holds 123 bytes


class Ended(Exception):
    """The connection ends, with this code of the WebSocket protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@router.get("/console/{vm}", include_in_schema=False)
async def console(request: Request, vm: str) -> Response:
    """A page that shows a machine and sends its mouse and keyboard. The token is in the fragment of its address."""
    return PAGE.answer(request)


@router.websocket("/connect/{vm}")
async def connect(socket: WebSocket, vm: str, quality: Quality = Quality.FULL) -> None:
    """A machine's display over WebRTC: the signalling. A private machine's password is in `?password=`."""
    deps = neptuned_deps(socket)
    actor = await member_not_banned(socket)
    machine = await running_machine(deps, vm)
    password = socket.query_params.get("password", "")
    try:
        await deps.vm_configs.admit(actor, machine.id, machine.private, password)
    except WrongVmPassword:
        raise NotAllowed("this machine is private: its password is needed in ?password=") from None
    async with http_deps(socket).quotas.stream(actor), deps.consoles.watch(machine.id, quality) as viewer:
        await socket.accept()

        def on_turn(turn: TurnStatus) -> None:
            viewer.send(TurnMessage(turn).encode())

        async with deps.console_rooms.enter(machine.id, actor, viewer, on_turn) as member:
            await BrowserConnection(socket, viewer, member).run()


class BrowserConnection:
    """One browser, from its handshake until either side ends the connection."""

    def __init__(self, socket: WebSocket, viewer: ConsoleViewer, member: RoomMember) -> None:
        self._socket, self._viewer, self._member = socket, viewer, member
        self._deps = neptuned_deps(socket)

    async def run(self) -> None:
        """Serve the browser until the connection ends."""
        try:
            async with anyio.create_task_group() as tasks:
                for part in (self._serve_socket, self._serve_channel, self._watch_access):
                    tasks.start_soon(part)
        except* Ended as errors:
            await self._close(first_error(errors))

    async def _close(self, reason: BaseException) -> None:
        assert isinstance(reason, Ended)
        if reason.code != NORMAL_CODE:
            self._send_on_channel(ErrorMessage(str(reason)))
        with suppress(WebSocketDisconnect, RuntimeError):  # the socket may be closed already
            await self._socket.close(reason.code, str(reason)[:MAX_REASON_CHARS])

    # -- on the WebSocket --------------------------------------------------------

    async def _serve_socket(self) -> None:
        """Exchange the signalling messages. Raises `Ended` if the browser leaves before it can be sent pictures."""
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._send(Offer(await self._viewer.offer()))
            for candidate in self._viewer.candidates():
                await self._send(ServerCandidate(candidate))
            while (received := await self._socket.receive())["type"] != "websocket.disconnect":
                text = received.get("text") or received.get("bytes") or b""
                try:
                    await self._answer_socket(parse_socket_request(text))
                except Invalid as error:
                    await self._send(ErrorMessage(str(error)))
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                await self._viewer.wait_until_joined()
        except TimeoutError:
            raise Ended(NORMAL_CODE, "it went before there was anything to see") from None

    async def _send(self, message: SocketMessage) -> None:
        await self._socket.send_text(message.encode())

    async def _answer_socket(self, request: SocketRequest) -> None:
        match request:
            case Answer(description):
                await self._viewer.accept_answer(description)
            case BrowserCandidate(candidate):
                await self._viewer.add_candidate(candidate)
            case _:
                assert_never(request)

    # -- on the data channel -----------------------------------------------------

    async def _serve_channel(self) -> None:
        """Answer the messages of the data channel. Raises `Ended` when the browser or the machine has gone."""
        while True:
            try:
                await self._answer_channel(parse_channel_request(await self._viewer.receive()))
            except NotFound as error:
                raise Ended(MACHINE_GONE_CODE, str(error)) from None
            except NotYourTurn:
                self._send_on_channel(ErrorMessage("it is somebody else's turn; ask for yours with turn/take"))
            except (Refused, Unavailable) as error:
                self._send_on_channel(ErrorMessage(str(error)))

    def _send_on_channel(self, message: ChannelMessage) -> None:
        self._viewer.send(message.encode())

    async def _answer_channel(self, request: ChannelRequest) -> None:
        match request:
            case TakeTurn():
                await self._member.ask_for_turn()
            case ReleaseTurn():
                await self._member.give_up_turn()
            case LookAtTurn():
                self._send_on_channel(TurnMessage(self._member.turn))
            case ChooseQuality(quality):
                await self._viewer.choose_quality(quality)
            case Act():
                await self._member.act(request)
            case _:
                assert_never(request)

    # -- events of the account ---------------------------------------------------

    async def _watch_access(self) -> None:
        """Raises `Ended` when the user may not be connected any more, or the server shuts down."""
        try:
            reason = await wait_until_access_ends(http_deps(self._socket), self._deps, self._member.actor)
        except ShuttingDown:
            raise Ended(SHUTTING_DOWN_CODE, "the server is shutting down") from None
        raise Ended(ACCESS_ENDED_CODE, reason)


def first_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first error of a group that is no group itself."""
    error: BaseException = group.exceptions[0]
    return first_error(error) if isinstance(error, BaseExceptionGroup) else error
