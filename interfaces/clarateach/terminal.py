"""/vm/{seat}/terminal: the screen of a seat over one WebSocket (T25 to T31).

    input {data}, resize {cols, rows}     from the client
    output {data}, error {message}        to it; exit, before it is closed because there is nothing more to see

It is one screen for all who open it: another tab, and whoever comes back, find it as it is. The first output is the
whole of it, then comes what is written. Text is typed as it comes, so that Enter is whatever the client's terminal
sends for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import anyio
import orjson
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from application.access import Actor
from application.ports.errors import Unavailable
from application.ports.terminals import Address, Frame, View
from domain.errors import NotAllowed, NotFound
from interfaces.clarateach.credentials import Sits, Sitting, sitting
from interfaces.clarateach.deps import clarateach_deps
from interfaces.http.errors import Unauthenticated
from projections.stream_reader import AccessRevoked, CutOff, ShuttingDown

router = APIRouter()
SEND_SECONDS = 10.0  # a client that takes nothing for so long is let go
REST_SECONDS = 0.05  # between changes of its size, however many a client asks for
LOOK_SECONDS = 30.0  # after which it is asked again whether the token is still good
SMALLEST, LARGEST = 1, 500  # columns, or lines
WELL, SHUTTING_DOWN, NOT_YOURS, TOO_SLOW = 1000, 1001, 1008, 1013
WIRE = "clarateach"


class Over(Exception):
    """There is nothing more to see, or nobody who may see it."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@router.websocket("/vm/{seat}/terminal")
async def terminal(socket: WebSocket, sits: Sits) -> None:
    deps = clarateach_deps(socket)
    at = await deps.terminals.of_workspace(sits.machine_id)
    async with (
        deps.presence.track(sits.machine_id, sits.learner_id),
        deps.terminals.view(at, None, plain=False) as view,
    ):
        await socket.accept()
        await Terminal(socket, sits, at).run(view)


class Terminal:
    def __init__(self, socket: WebSocket, sits: Sitting, at: Address) -> None:
        self._socket, self._sits, self._at = socket, sits, at
        self._deps = clarateach_deps(socket)
        self._size: tuple[int, int] | None = None  # as the client wants it; None: as it is
        self._resized = asyncio.Event()

    async def run(self, view: View) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                for part in (self._show, self._hold, self._resize):
                    tasks.start_soon(part, view)
                with suppress(WebSocketDisconnect):
                    await self._listen()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as ends:
            over, rest = ends.split((Over, NotFound))
            if rest:
                raise rest from None
            assert over
            await self._close(first(over))

    async def _close(self, why: BaseException) -> None:
        code = why.code if isinstance(why, Over) else WELL
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # it is closed already
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_text('{"type":"exit"}')
                await self._socket.close(code, str(why)[:100])

    async def _say(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_text(text)
        except TimeoutError:
            raise Over(TOO_SLOW, "you do not keep up") from None
        except (WebSocketDisconnect, RuntimeError):
            raise Over(WELL, "it is closed") from None

    async def _show(self, view: View) -> None:
        """Raises `NotFound` when the session has gone."""
        while True:
            await self._say(shown(await view.next()))

    async def _hold(self, view: View) -> None:
        """Let go when the seat is another's, or the process ends."""
        # What happens to the machine is told to its owner, which is the workshop.
        workshop = Actor(self._sits.workshop_id, "", "")
        while True:
            try:
                async for _ in self._deps.hub.follow(workshop, self._sits.machine_id, None):
                    await self._look()
            except ShuttingDown:
                raise Over(SHUTTING_DOWN, "the server is shutting down") from None
            except (CutOff, AccessRevoked, Unavailable):
                await asyncio.sleep(1)

    async def _look(self) -> None:
        try:
            if (await sitting(self._socket, str(self._sits.seat))).machine_id != self._sits.machine_id:
                raise Over(WELL, "the seat has another machine now")
        except (Unauthenticated, NotAllowed) as no:
            raise Over(NOT_YOURS, str(no)) from None
        except Unavailable:
            pass  # the database is away; whoever sat there goes on sitting

    async def _resize(self, view: View) -> None:
        """To the newest size only: clients ask for many while somebody drags a window's corner."""
        while True:
            await self._resized.wait()
            self._resized.clear()
            if self._size:
                with suppress(Unavailable):
                    await self._deps.terminals.resize(self._at, *self._size)
            await asyncio.sleep(REST_SECONDS)

    async def _listen(self) -> None:
        """Raises `WebSocketDisconnect` when the client goes."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    message = await self._socket.receive()
            except TimeoutError:
                await self._look()
                continue
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", WELL))
            try:
                await self._answer(said(message))
            except ValueError as wrong:
                await self._say(frame({"type": "error", "message": str(wrong)}))
            except Unavailable as away:
                await self._say(frame({"type": "error", "message": str(away)}))

    async def _answer(self, message: dict[str, Any]) -> None:
        answers: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "input": self._input,
            "resize": self._want,
        }
        if (answer := answers.get(message["type"])) is None:
            raise ValueError("there are messages of type input and resize")
        await answer(message)

    async def _input(self, message: dict[str, Any]) -> None:
        if not isinstance(data := message.get("data"), str):
            raise ValueError("data must be text")
        if data:
            await self._deps.terminals.type(self._at, None, data.encode())

    async def _want(self, message: dict[str, Any]) -> None:
        size = (within(message.get("cols")), within(message.get("rows")))
        if size != self._size:
            self._size = size
            self._resized.set()


def first(group: BaseExceptionGroup[Any]) -> BaseException:
    one: BaseException = group.exceptions[0]
    return first(one) if isinstance(one, BaseExceptionGroup) else one


def within(size: object) -> int:
    if not isinstance(size, int | float) or isinstance(size, bool):
        raise ValueError("cols and rows must be numbers")
    return max(SMALLEST, min(LARGEST, int(size)))


def said(message: MutableMapping[str, Any]) -> dict[str, Any]:
    """What a client has sent. `ValueError` if that is no message."""
    try:
        it = orjson.loads(message.get("text") or message.get("bytes") or b"")
    except orjson.JSONDecodeError:
        it = None
    if not isinstance(it, dict) or not isinstance(it.get("type"), str):
        raise ValueError("a message must be a JSON object with a type")
    return it


def shown(it: Frame) -> str:
    """Made once for all who see it."""
    if WIRE not in it.encodings:
        it.encodings[WIRE] = frame({"type": "output", "data": it.data})
    return it.encodings[WIRE]


def frame(message: dict[str, Any]) -> str:
    return orjson.dumps(message).decode()
