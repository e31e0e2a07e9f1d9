"""Server-Sent Events, as every contract sends them."""

from __future__ import annotations

import logging
from typing import Any

from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from interfaces.http.deps import http_deps

log = logging.getLogger(__name__)
SEND_SECONDS = 10.0  # a reader whose connection takes nothing for so long is cut off


def sending(connection: HTTPConnection) -> dict[str, Any]:
    """How a `Stream` is kept alive, and when it is given up."""
    return {"ping": int(http_deps(connection).keepalive_seconds) or 1, "send_timeout": SEND_SECONDS}


class Stream(EventSourceResponse):
    """It just ends for a reader whose connection takes nothing any more: that is nobody's error."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("a reader took nothing, and was let go", extra={"request_id": scope["state"]["request_id"]})
