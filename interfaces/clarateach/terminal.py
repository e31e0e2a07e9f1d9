"""/vm/{seat}/terminal: the terminal of a seat over one WebSocket (T25 to T31).

All sockets of a seat show the same terminal: another tab, and a learner who reconnects, get its screen as it is. The
first output is the whole screen, then comes what is written. An exit message precedes the close.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import anyio
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from application.ports.errors import Unavailable
from application.ports.terminals import Address, View
from domain.errors import NotFound
from interfaces.clarateach.credentials import CurrentSeat, MachineReplaced, seat_lease, seat_stream
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.messages import (
    Exit,
    Input,
    MessageError,
    Output,
    Resize,
    TerminalError,
    parse_terminal_message,
)
from interfaces.http.leases import AccessEnded, Lease
from projections.stream_reader import ShuttingDown

router = APIRouter()
SEND_TIMEOUT_S = 10.0  # a client that takes nothing for so long is disconnected
RESIZE_INTERVAL_S = 0.05  # the least time between two resizes
MAX_QUEUED_INPUTS = 4  # that wait to be typed; then the client's next messages wait in its socket
NORMAL_CODE, SHUTTING_DOWN_CODE, NOT_ALLOWED_CODE, TOO_SLOW_CODE = 1000, 1001, 1008, 1013
MAX_REASON_CHARS = 100


class ConnectionClosed(Exception):
    """The socket is to be closed, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@router.websocket("/vm/{seat}/terminal")
async def terminal(socket: WebSocket, seat_session: CurrentSeat) -> None:
    """The terminal of the seat."""
    deps = clarateach_deps(socket)
    address = await deps.terminals.of_workspace(seat_session.machine_id)
    async with (
        seat_stream(socket, seat_session),
        deps.presence.track(seat_session.machine_id, seat_session.learner_id),
        deps.terminals.view(address, None, plain=False) as view,
    ):
        await socket.accept()
        with seat_lease(socket, seat_session) as held_lease:
            await TerminalConnection(socket, held_lease, address).run(view)


class TerminalConnection:
    """One client's connection to the terminal of its seat."""

    def __init__(self, socket: WebSocket, held_lease: Lease, address: Address) -> None:
        self._socket, self._lease, self._address = socket, held_lease, address
        self._deps = clarateach_deps(socket)
        self._size: Resize | None = None  # the size that the client has sent last
        self._resized = asyncio.Event()
        self._inputs: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED_INPUTS)

    async def run(self, view: View) -> None:
        """Serve the client until it disconnects, or may see the terminal no longer."""
        try:
            async with anyio.create_task_group() as tasks:
                for part in (self._send_output, self._watch_seat, self._apply_sizes, self._type_inputs):
                    tasks.start_soon(part, view)
                with suppress(WebSocketDisconnect):
                    await self._receive_messages()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            expected, rest = group.split((ConnectionClosed, NotFound))
            if rest:
                raise rest from None
            assert expected
            await self._close(first_error(expected))

    async def _close(self, error: BaseException) -> None:
        code = error.code if isinstance(error, ConnectionClosed) else NORMAL_CODE
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # the client has disconnected already
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send_text(Exit().encode())
                await self._socket.close(code, str(error)[:MAX_REASON_CHARS])

    async def _send(self, message: Output | TerminalError) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send_text(message.encode())
        except TimeoutError:
            raise ConnectionClosed(TOO_SLOW_CODE, "you do not keep up") from None
        except (WebSocketDisconnect, RuntimeError):
            raise ConnectionClosed(NORMAL_CODE, "it is closed") from None

    async def _send_output(self, view: View) -> None:
        """Raises `NotFound` when the session has gone."""
        while True:
            await self._send(Output(await view.next()))

    async def _watch_seat(self, view: View) -> None:
        """Raises `ConnectionClosed` when the seat is somebody else's or its token is over, or this process ends."""
        try:
            await self._lease.wait_until_ended()
        except (AccessEnded, ShuttingDown) as error:
            raise connection_closed(error) from None

    async def _apply_sizes(self, view: View) -> None:
        """Resize to the newest size only: a client sends many while its window is dragged."""
        while True:
            await self._resized.wait()
            self._resized.clear()
            if self._size:
                with suppress(Unavailable):
                    await self._deps.terminals.resize(self._address, self._size.columns, self._size.lines)
            await asyncio.sleep(RESIZE_INTERVAL_S)

    async def _type_inputs(self, view: View) -> None:
        """Type in the background, in order: a long paste delays no other message of the client."""
        while True:
            try:
                await self._deps.terminals.type(self._address, None, await self._inputs.get())
            except Unavailable as error:
                await self._send(TerminalError(str(error)))

    async def _receive_messages(self) -> None:
        """Raises `WebSocketDisconnect` when the client disconnects."""
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", NORMAL_CODE))
            try:
                await self._lease.check()
                await self._handle(parse_terminal_message(received.get("text") or received.get("bytes") or b""))
            except (AccessEnded, ShuttingDown) as error:
                raise connection_closed(error) from None
            except (MessageError, Unavailable) as error:
                await self._send(TerminalError(str(error)))

    async def _handle(self, message: Input | Resize) -> None:
        match message:
            case Input(keys):
                if keys:
                    await self._inputs.put(keys)
            case Resize():
                if message != self._size:
                    self._size = message
                    self._resized.set()


def connection_closed(error: AccessEnded | ShuttingDown) -> ConnectionClosed:
    """The code and the reason of the end of access."""
    if isinstance(error, ShuttingDown):
        return ConnectionClosed(SHUTTING_DOWN_CODE, "the server is shutting down")
    is_replaced = isinstance(error.__cause__, MachineReplaced)
    return ConnectionClosed(NORMAL_CODE if is_replaced else NOT_ALLOWED_CODE, str(error))


def first_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first exception in a group that is no group itself."""
    error: BaseException = group.exceptions[0]
    return first_error(error) if isinstance(error, BaseExceptionGroup) else error
