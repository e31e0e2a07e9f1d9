"""uvicorn's WebSocket protocol, without addresses in its log, and without waiting for clients that take nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Response
from websockets.server import ServerProtocol

from interfaces.http.security_headers import ANSWER_HEADERS

LINGER_S = 5.0  # that a closed connection may take for what is still to be sent

# uvicorn logs the address of each handshake, with its query, at INFO; the library logs headers and frames at DEBUG.
log = logging.getLogger("tenure.websocket")
log.setLevel(logging.WARNING)


class Handshake(ServerProtocol):
    """The library's protocol, whose own refusals carry the headers of every answer."""

    def reject(self, status: Any, text: str) -> Response:
        response = super().reject(status, text)
        for name, value in ANSWER_HEADERS:
            response.headers[name.decode()] = value.decode()
        return response


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection from its handshake on."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.on_lost: Callable[[], None] = lambda: None
        self.logger = log
        self.conn = Handshake(max_size=config.ws_max_size, logger=log)

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_lost()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_later(LINGER_S)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self._abort_later(self.close_timeout + LINGER_S)
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            # uvicorn takes a refusal for a handshake that was not completed, which it logs as an error.
            self.handshake_complete = True

    def _abort_later(self, seconds: float) -> None:
        """Disconnect a client that does not take what is still to be sent, for which `close` would wait for ever."""
        self.loop.call_later(seconds, self.transport.abort)
