"""/vm/{seat}/browser: the display of a seat over WebRTC (T39 to T41). The WebSocket carries the signalling.

If neko runs in the seat's machine, all messages go between it and the client unchanged.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import anyio
import websockets
from fastapi import APIRouter, Response, WebSocket
from starlette.requests import Request
from starlette.websockets import WebSocketDisconnect

from application.ports.displays import Act, Display, DisplayPeer
from application.ports.errors import Unavailable
from domain.errors import Invalid, NotFound
from interfaces.clarateach.credentials import CurrentSeat, seat_lease, seat_stream
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.messages import (
    BrowserMessage,
    Connect,
    parse_browser_message,
)
from interfaces.clarateach.rates import Limited
from interfaces.http.deps import http_deps
from interfaces.http.display_messages import Answer, BrowserCandidate, ErrorMessage, Offer, ServerCandidate
from interfaces.http.leases import AccessEnded, Lease
from interfaces.http.pages import Page
from projections.stream_reader import ShuttingDown

router = APIRouter(tags=["seats"], route_class=Limited)
SUBPROTOCOL = "neko"
PAGE = Page("interfaces.clarateach", "browser.html")
SHUTTING_DOWN_CODE, NOT_ALLOWED_CODE, DISPLAY_LOST_CODE = 1001, 1008, 1011
CLOSE_TIMEOUT_S = 10.0
MAX_REASON_CHARS = 100
NEKO_TIMEOUT_S = 5
MAX_NEKO_MESSAGE_BYTES = 1 << 22


@router.get("/vm/{seat}/browser/", include_in_schema=False)
async def browser_page(request: Request, seat_session: CurrentSeat) -> Response:
    """A page with the display of the seat, its mouse and its keyboard. A portal shows it in a frame."""
    return PAGE.answer(request, framed_by=("'self'", *http_deps(request).cors_origins))


@router.websocket("/vm/{seat}/browser")
async def browser(socket: WebSocket, seat_session: CurrentSeat) -> None:
    """The display of the seat."""
    deps = clarateach_deps(socket)
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(seat_stream(socket, seat_session))
        held_lease = stack.enter_context(seat_lease(socket, seat_session))
        if address := await deps.displays.neko_url(seat_session.machine_id):
            await relay_to_neko(socket, address, subprotocol, held_lease)
            return
        display = await stack.enter_async_context(deps.displays.watch(seat_session.machine_id))
        peer = await stack.enter_async_context(deps.displays.peer(display))
        await socket.accept(subprotocol)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(close_when_access_ends, socket, held_lease, tasks.cancel_scope)
            tasks.start_soon(close_when_display_ends, socket, peer, tasks.cancel_scope)
            with suppress(WebSocketDisconnect, RuntimeError):
                await Signalling(socket, display, peer).run()
            tasks.cancel_scope.cancel()


async def close_when_access_ends(socket: WebSocket, held_lease: Lease, scope: anyio.CancelScope) -> None:
    """Close the socket when its token opens the seat no longer, or this process ends. Then cancel `scope`."""
    code, reason = SHUTTING_DOWN_CODE, "the server is shutting down"
    try:
        await held_lease.wait_until_ended()
    except AccessEnded as error:
        code, reason = NOT_ALLOWED_CODE, str(error)[:MAX_REASON_CHARS]
    except ShuttingDown:
        pass
    await close(socket, code, reason)
    scope.cancel()


async def close_when_display_ends(socket: WebSocket, peer: DisplayPeer, scope: anyio.CancelScope) -> None:
    """Close the socket when its display has gone, such as with its machine. Then cancel `scope`."""
    await peer.wait_until_display_ended()
    await close(socket, DISPLAY_LOST_CODE, "the display has gone")
    scope.cancel()


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close a socket, whose client may have disconnected, or may take nothing."""
    with anyio.move_on_after(CLOSE_TIMEOUT_S), suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(code, reason)


class Signalling:
    """One client's connection to the display of its seat."""

    def __init__(self, socket: WebSocket, display: Display, peer: DisplayPeer) -> None:
        self._socket, self._display, self._peer = socket, display, peer
        self._offered = False

    async def run(self) -> None:
        """Handle the client's messages until it disconnects, or the display has gone."""
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            try:
                await self._handle(parse_browser_message(received.get("text") or received.get("bytes") or b""))
            except Invalid as error:
                await self._send(ErrorMessage(str(error)))
            except (NotFound, Unavailable) as error:
                await self._socket.close(DISPLAY_LOST_CODE, str(error)[:MAX_REASON_CHARS])
                return

    async def _send(self, message: Offer | ServerCandidate | ErrorMessage) -> None:
        await self._socket.send_text(message.encode())

    async def _handle(self, message: BrowserMessage) -> None:
        match message:
            case Connect() if not self._offered:
                self._offered = True
                await self._send(Offer(await self._peer.offer()))
                for candidate in self._peer.candidates():
                    await self._send(ServerCandidate(candidate))
            case Answer(description) if self._offered:
                await self._peer.accept_answer(description)
            case BrowserCandidate(candidate) if self._offered:
                await self._peer.add_candidate(candidate)
            case Act():
                await self._display.act(message)
            case _:
                raise Invalid("connect comes first, and once")


async def relay_to_neko(socket: WebSocket, address: str, subprotocol: str | None, held_lease: Lease) -> None:
    """Pass messages between a client and the neko of its seat, in both directions."""
    try:
        async with asyncio.timeout(NEKO_TIMEOUT_S):
            neko = await websockets.connect(address, proxy=None, max_size=MAX_NEKO_MESSAGE_BYTES)
    except (OSError, TimeoutError, websockets.WebSocketException) as error:
        raise Unavailable("workspace", "the seat's display does not answer") from error
    async with neko:
        await socket.accept(subprotocol)
        with suppress(WebSocketDisconnect, RuntimeError, websockets.ConnectionClosed):
            async with anyio.create_task_group() as tasks:

                async def relay_to_client() -> None:
                    with suppress(websockets.ConnectionClosed):
                        async for message in neko:
                            if isinstance(message, str):
                                await socket.send_text(message)
                            else:
                                await socket.send_bytes(message)
                    await socket.close()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(relay_to_client)
                tasks.start_soon(close_when_access_ends, socket, held_lease, tasks.cancel_scope)
                while (message := await socket.receive())["type"] != "websocket.disconnect":
                    text = message.get("text")
                    await neko.send(text if text is not None else message.get("bytes") or b"")
                tasks.cancel_scope.cancel()
