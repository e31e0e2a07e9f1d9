"""GET /api/v1/events: everything the caller may see, as it happens; as Server-Sent Events, or over a WebSocket.

List, then watch: a list carries its position, and the stream goes on after the position that it is given
(`Last-Event-ID`, or `?after=`). It says `ready` once it has told what was missed, and `reset` where it cannot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import APIRouter, Depends, Header, Query, WebSocket
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.websockets import WebSocketDisconnect

from application.access import Actor
from application.ports.errors import Unavailable
from domain.errors import Invalid
from interfaces.http.errors import errors
from interfaces.http.identity import current_member
from interfaces.http.sse import SEND_SECONDS, Stream, sending
from interfaces.native.deps import NativeDeps, native_deps
from interfaces.native.views import line, message
from projections.stream_reader import AccessRevoked, CutOff, Push, Ready, Reset, ShuttingDown, StreamMessage
from projections.trail import Entry

router = APIRouter(prefix="/api/v1/events", tags=["stream"])
Who = Annotated[Actor, Depends(current_member)]
Subject = Annotated[UUID | None, Query(description="only what happens to this; none: everything you may see")]
After = Annotated[int | None, Query(ge=0, description="go on after this position; none: from now on")]
LastEventId = Annotated[str | None, Header(description="as browsers send it when they come back")]


@router.get("", response_class=Stream, responses=errors(400, 401))
async def events(
    request: Request, who: Who, subject: Subject = None, after: After = None, last_event_id: LastEventId = None
) -> Stream:
    """An endless stream of events. Each has its position as `id`, its kind as `event`, and JSON as `data`."""
    deps = native_deps(request)
    frames = sse(deps, who, subject, position(last_event_id, after))
    return Stream(frames, headers={"X-Accel-Buffering": "no"}, **sending(request))


async def sse(deps: NativeDeps, who: Actor, subject: UUID | None, after: int | None) -> AsyncIterator[bytes]:
    try:
        async for some in deps.hub.follow(who, subject, after):
            yield b"".join(map(sse_told, some))
    except (ShuttingDown, AccessRevoked, Unavailable):
        return  # the client comes back, with the last position that it has seen
    except CutOff:
        yield ServerSentEvent(comment="cut off: you do not keep up; come back with Last-Event-ID").encode()


@router.websocket("")
async def events_websocket(
    socket: WebSocket, who: Who, subject: Subject = None, after: After = None, last_event_id: LastEventId = None
) -> None:
    """The same as JSON messages. Refused in the handshake, with a body; 1013 ends one that does not keep up."""
    start = position(last_event_id, after)
    await socket.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tell, socket, native_deps(socket), who, subject, start, tasks.cancel_scope)
        await until_closed(socket)
        tasks.cancel_scope.cancel()


async def tell(
    socket: WebSocket,
    deps: NativeDeps,
    who: Actor,
    subject: UUID | None,
    after: int | None,
    scope: anyio.CancelScope,
) -> None:
    try:
        async for some in deps.hub.follow(who, subject, after):
            for told in some:
                frame = told.frame("ws", ws_frame) if isinstance(told, Push) else line(as_notice(told))
                with anyio.fail_after(SEND_SECONDS):
                    await socket.send_text(frame.decode())
    except (ShuttingDown, Unavailable):
        await hang_up(socket, 1001, "come back with the last position")
    except AccessRevoked:
        await hang_up(socket, 1008, "you do not belong here any more")
    except (CutOff, TimeoutError):
        await hang_up(socket, 1013, "you do not keep up; come back with the last position")
    except (WebSocketDisconnect, RuntimeError):
        pass  # it is gone
    scope.cancel()


async def hang_up(socket: WebSocket, code: int, reason: str) -> None:
    """With a word, if somebody takes it. Who takes nothing does not take that either."""
    with anyio.move_on_after(SEND_SECONDS), suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(code, reason)


async def until_closed(socket: WebSocket) -> None:
    """What clients say is not listened to; only that they are there."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


def position(last_event_id: str | None, after: int | None) -> int | None:
    """Where to go on. What a browser remembers is newer than what its page was made with."""
    if not last_event_id:
        return after
    if not last_event_id.isdecimal() or len(last_event_id) > 18:
        raise Invalid("Last-Event-ID must be a position, as the stream gave it")
    return int(last_event_id)


def sse_told(told: StreamMessage) -> bytes:
    return told.frame("sse", sse_frame) if isinstance(told, Push) else notice(told)


def sse_frame(entry: Entry) -> bytes:
    return ServerSentEvent(line(message(entry)).decode(), event=entry.kind, id=str(entry.position)).encode()


def ws_frame(entry: Entry) -> bytes:
    return line({"event": entry.kind, **message(entry)})


def as_notice(told: Ready | Reset) -> dict[str, Any]:
    if isinstance(told, Ready):
        return {"event": "ready", "position": told.position}
    return {"event": "reset", "position": told.position, "reason": told.reason}


def notice(told: Ready | Reset) -> bytes:
    says = as_notice(told)
    return ServerSentEvent(line(says).decode(), event=says["event"], id=str(told.position)).encode()
