"""GET /api/v1/events: every event that the actor may see, as Server-Sent Events or over a WebSocket.

List, then watch: a list answer carries its position, and the stream continues after a position (`Last-Event-ID`, or
`?after=`). It sends `ready` once every missed event is sent, and `reset` where it cannot send them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Literal, NotRequired
from uuid import UUID

import anyio
from fastapi import APIRouter, Depends, Header, Query, WebSocket
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.websockets import WebSocketDisconnect
from typing_extensions import TypedDict

from application.access import Actor
from application.ports.errors import Unavailable
from domain.errors import Invalid
from interfaces.http.errors import errors
from interfaces.http.identity import current_member
from interfaces.http.leases import AccessEnded, Lease, lease, leased
from interfaces.http.sse import SEND_TIMEOUT_S, Stream, stream_options
from interfaces.native.deps import NativeDeps, native_deps
from interfaces.native.views import line, message
from projections.stream_reader import AccessRevoked, CutOff, Push, Ready, Reset, ShuttingDown, StreamMessage
from projections.trail import Entry

router = APIRouter(prefix="/api/v1/events", tags=["stream"])
MAX_REASON_CHARS = 100  # a WebSocket's close frame holds 123 bytes
CurrentMember = Annotated[Actor, Depends(current_member)]
Subject = Annotated[UUID | None, Query(description="only what happens to this; none: everything you may see")]
After = Annotated[int | None, Query(ge=0, description="go on after this position; none: from now on")]
LastEventId = Annotated[str | None, Header(description="as browsers send it when they come back")]


class Notice(TypedDict):
    """What the stream says about itself: `ready` (nothing is missing), or `reset` (list again, and why)."""

    event: Literal["ready", "reset"]
    position: int
    reason: NotRequired[str]


@router.get("", response_class=Stream, responses=errors(400, 401))
async def events(
    request: Request,
    actor: CurrentMember,
    subject: Subject = None,
    after: After = None,
    last_event_id: LastEventId = None,
) -> Stream:
    """An endless stream of events. Each has its position as `id`, its kind as `event`, and JSON as `data`."""
    deps = native_deps(request)
    frames = sse_frames(deps, actor, subject, position(last_event_id, after))
    frames = leased(request, actor, current_member, frames)
    return Stream(frames, headers={"X-Accel-Buffering": "no"}, **await stream_options(request, actor))


async def sse_frames(deps: NativeDeps, actor: Actor, subject: UUID | None, after: int | None) -> AsyncIterator[bytes]:
    """The stream's frames. It ends without a word where the client can resume from its last position."""
    try:
        async for batch in deps.hub.follow(actor, subject, after):
            yield b"".join(map(sse_message, batch))
    except (ShuttingDown, AccessRevoked, Unavailable):
        return  # the client reconnects with its last position
    except CutOff:
        yield ServerSentEvent(comment="cut off: you do not keep up; come back with Last-Event-ID").encode()


@router.websocket("")
async def events_websocket(
    socket: WebSocket,
    actor: CurrentMember,
    subject: Subject = None,
    after: After = None,
    last_event_id: LastEventId = None,
) -> None:
    """The same as JSON messages. Refused in the handshake, with a body; 1013 ends one that does not keep up."""
    start, deps = position(last_event_id, after), native_deps(socket)
    async with deps.quotas.stream(actor), anyio.create_task_group() as tasks:
        await socket.accept()
        with lease(socket, actor, current_member) as held_lease:
            tasks.start_soon(send_events, socket, deps, actor, subject, start, tasks.cancel_scope)
            tasks.start_soon(close_when_access_ends, socket, held_lease, tasks.cancel_scope)
            await until_closed(socket)
            tasks.cancel_scope.cancel()


async def close_when_access_ends(socket: WebSocket, held_lease: Lease, scope: anyio.CancelScope) -> None:
    """Close the socket when the credential that opened it is not good any more, then cancel `scope`."""
    try:
        await held_lease.wait_until_ended()
    except ShuttingDown:
        return  # the stream says so, too
    except AccessEnded as error:
        await close(socket, 1008, str(error)[:MAX_REASON_CHARS])
    scope.cancel()


async def send_events(
    socket: WebSocket,
    deps: NativeDeps,
    actor: Actor,
    subject: UUID | None,
    after: int | None,
    scope: anyio.CancelScope,
) -> None:
    """Send events until the stream or the socket ends, then cancel `scope`."""
    end: tuple[int, str] | None = None  # None: the client is gone
    try:
        async with aclosing(deps.hub.follow(actor, subject, after)) as batches:
            async for batch in batches:
                messages = deque(batch)
                del batch  # an error keeps this frame, up to the next collection of cycles, and what is in it
                await send_all(socket, messages)
    except (ShuttingDown, Unavailable):
        end = 1001, "come back with the last position"
    except AccessRevoked:
        end = 1008, "you do not belong here any more"
    except (CutOff, TimeoutError):
        end = 1013, "you do not keep up; come back with the last position"
    except (WebSocketDisconnect, RuntimeError):
        pass
    # Not while the error is handled: what goes wrong in closing would keep it, its frames, and the messages in them.
    if end:
        await close(socket, *end)
    scope.cancel()


async def send_all(socket: WebSocket, messages: deque[StreamMessage]) -> None:
    """Send each message, and leave none in the queue. `TimeoutError` if the client does not take one."""
    try:
        while messages:
            frame = ws_message(messages.popleft())
            with anyio.fail_after(SEND_TIMEOUT_S):
                await socket.send_text(frame.decode())
    finally:
        messages.clear()


def ws_message(item: StreamMessage) -> bytes:
    """An item of the stream as a WebSocket message."""
    return item.frame("ws", ws_frame) if isinstance(item, Push) else line(notice(item))


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close with a reason, unless the client reads nothing any more."""
    with anyio.move_on_after(SEND_TIMEOUT_S), suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(code, reason)


async def until_closed(socket: WebSocket) -> None:
    """Wait until the client closes. Its messages are ignored."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


def position(last_event_id: str | None, after: int | None) -> int | None:
    """The position to continue after. `Last-Event-ID` wins: it is newer than the address that a page was made with."""
    if not last_event_id:
        return after
    if not last_event_id.isdecimal() or len(last_event_id) > 18:
        raise Invalid("Last-Event-ID must be a position, as the stream gave it")
    return int(last_event_id)


def sse_message(item: StreamMessage) -> bytes:
    """An item of the stream as a Server-Sent Event."""
    return item.frame("sse", sse_frame) if isinstance(item, Push) else sse_notice(item)


def sse_frame(entry: Entry) -> bytes:
    """An event as a Server-Sent Event."""
    return ServerSentEvent(line(message(entry)).decode(), event=entry.kind, id=str(entry.position)).encode()


def ws_frame(entry: Entry) -> bytes:
    """An event as a WebSocket message."""
    return line({"event": entry.kind, **message(entry)})


def notice(item: Ready | Reset) -> Notice:
    """A notice as a WebSocket message."""
    if isinstance(item, Ready):
        return {"event": "ready", "position": item.position}
    return {"event": "reset", "position": item.position, "reason": item.reason}


def sse_notice(item: Ready | Reset) -> bytes:
    """A notice as a Server-Sent Event."""
    fields = notice(item)
    return ServerSentEvent(line(fields).decode(), event=fields["event"], id=str(item.position)).encode()
