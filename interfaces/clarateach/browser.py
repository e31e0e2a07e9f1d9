"""/vm/{seat}/browser: the display of a seat over WebRTC (T39 to T41). The WebSocket carries what arranges that.

    connect                              from the client; then
    offer {RTCSessionDescription}        to it
    answer {RTCSessionDescription}       from it
    candidate {RTCIceCandidate}          either way
    control/move, control/keydown …      from it: the mouse and the keyboard, as neko calls them
    error {message}                      to it, for what makes no sense

Where there is a neko in the seat's machine, all of this goes between it and the client as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import anyio
import websockets
from fastapi import APIRouter, Response, WebSocket
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.websockets import WebSocketDisconnect

from application.ports.displays import Display, Peer
from application.ports.errors import Unavailable
from domain.errors import Invalid, NotFound
from interfaces.clarateach.credentials import Sits
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.rates import Limited
from interfaces.http.display_messages import act, message, page, said

router = APIRouter(tags=["seats"], route_class=Limited)
SUBPROTOCOL = "neko"
PAGE = page("interfaces.clarateach", "browser.html")
GONE = 1011


@router.get("/vm/{seat}/browser/", include_in_schema=False)
async def browser_page(request: Request, sits: Sits) -> Response:
    """A page that shows the seat's display, and lets it be used."""
    return HTMLResponse(PAGE, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


@router.websocket("/vm/{seat}/browser")
async def browser(socket: WebSocket, sits: Sits) -> None:
    deps = clarateach_deps(socket)
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None
    if address := await deps.displays.neko_url(sits.machine_id):
        await relayed(socket, address, subprotocol)
        return
    async with AsyncExitStack() as stack:
        display = await stack.enter_async_context(deps.displays.watch(sits.machine_id))
        peer = await stack.enter_async_context(deps.displays.peer(display))
        await socket.accept(subprotocol)
        with suppress(WebSocketDisconnect, RuntimeError):
            await Signalling(socket, display, peer).run()


class Signalling:
    def __init__(self, socket: WebSocket, display: Display, peer: Peer) -> None:
        self._socket, self._display, self._peer = socket, display, peer
        self._offered = False

    async def run(self) -> None:
        while True:
            heard = await self._socket.receive()
            if heard["type"] == "websocket.disconnect":
                return
            try:
                await self._answer(heard.get("text") or heard.get("bytes") or b"")
            except Invalid as wrong:
                await self._say("error", {"message": str(wrong)})
            except (NotFound, Unavailable) as gone:
                await self._socket.close(GONE, str(gone)[:100])
                return

    async def _say(self, event: str, data: Mapping[str, Any]) -> None:
        await self._socket.send_text(message(event, data))

    async def _answer(self, text: str | bytes) -> None:
        event, data = said(text)
        match event:
            case "connect" if not self._offered:
                self._offered = True
                await self._say("offer", await self._peer.offer())
                for candidate in self._peer.candidates():
                    await self._say("candidate", candidate)
            case "answer" if self._offered:
                await self._peer.accept_answer(data)
            case "candidate" if self._offered:
                await self._peer.add_candidate(data)
            case "connect" | "answer" | "candidate":
                raise Invalid("connect comes first, and once")
            case _:
                await self._display.act(act(event, data, "connect, answer, candidate"))


async def relayed(socket: WebSocket, address: str, subprotocol: str | None) -> None:
    """Between a client and the neko of its seat."""
    try:
        async with asyncio.timeout(5):
            neko = await websockets.connect(address, proxy=None, max_size=1 << 22)
    except (OSError, TimeoutError, websockets.WebSocketException) as away:
        raise Unavailable("workspace", "the seat's display does not answer") from away
    async with neko:
        await socket.accept(subprotocol)
        with suppress(WebSocketDisconnect, RuntimeError, websockets.ConnectionClosed):
            async with anyio.create_task_group() as tasks:

                async def back() -> None:
                    with suppress(websockets.ConnectionClosed):
                        async for message in neko:
                            if isinstance(message, str):
                                await socket.send_text(message)
                            else:
                                await socket.send_bytes(message)
                    await socket.close()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(back)
                while (message := await socket.receive())["type"] != "websocket.disconnect":
                    text = message.get("text")
                    await neko.send(text if text is not None else message.get("bytes") or b"")
                tasks.cancel_scope.cancel()
