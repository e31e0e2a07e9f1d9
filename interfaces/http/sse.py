"""Server-Sent Events: the response class of every contract's streams."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import TypedDict

from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from application.access import Actor
from application.quotas import OpenStream
from interfaces.http.deps import http_deps

log = logging.getLogger(__name__)
SEND_TIMEOUT_S = 10.0  # a reader whose connection takes nothing for so long is disconnected


class StreamOptions(TypedDict):
    """Arguments of a `Stream`; the numbers are seconds."""

    ping: int
    send_timeout: float
    opened: OpenStream


async def stream_options(connection: HTTPConnection, actor: Actor) -> StreamOptions:
    """The keepalive interval and the send timeout of a `Stream`, which counts against the actor's quota.

    Raises `TooManyStreams`.
    """
    deps = http_deps(connection)
    opened = await deps.quotas.open_stream(actor)
    return {"ping": int(deps.keepalive_seconds) or 1, "send_timeout": SEND_TIMEOUT_S, "opened": opened}


class Stream(EventSourceResponse):
    """An event stream. A send timeout ends the stream without an error, since only the client is at fault."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        status_code: int = 200,  # FastAPI reads this default for the published schema
        headers: Mapping[str, str] | None = None,
        *,
        ping: int,
        send_timeout: float,
        opened: OpenStream,
    ) -> None:
        """`opened` counts against the quota of the user until the stream ends."""
        super().__init__(content, status_code, headers, ping=ping, send_timeout=send_timeout)
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._opened:
                await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info(
                "disconnected a stuck reader of a stream",
                extra={"request_id": scope["state"]["request_id"]},
            )
