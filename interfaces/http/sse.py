"""Server-Sent Events: the response class of every contract's streams."""

from __future__ import annotations

import logging
from typing import TypedDict

from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from interfaces.http.deps import http_deps

log = logging.getLogger(__name__)
SEND_TIMEOUT_S = 10.0  # a reader whose connection takes nothing for so long is disconnected


class StreamOptions(TypedDict):
    """Arguments of a `Stream`, in seconds."""

    ping: int
    send_timeout: float


def stream_options(connection: HTTPConnection) -> StreamOptions:
    """The keepalive interval and the send timeout of a `Stream`."""
    return {"ping": int(http_deps(connection).keepalive_seconds) or 1, "send_timeout": SEND_TIMEOUT_S}


class Stream(EventSourceResponse):
    """An event stream. A send timeout ends the stream without an error, since only the client is at fault."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info(
                "disconnected a stuck reader of a stream",
                extra={"request_id": scope["state"]["request_id"]},
            )
