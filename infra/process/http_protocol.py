"""uvicorn's HTTP protocol, with deadlines and limits, and refusals in JSON for what never reaches the application."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from infra.process.connections import Connections, Refusal
from infra.process.websocket_protocol import LINGER_S, WebSocketProtocol
from interfaces.http.security_headers import ANSWER_HEADERS

MAX_HEAD_BYTES = 65_536  # request line and headers, and what is read together with them
MIN_BODY_BYTES_S = 500  # a body that comes slower than this for `stall_s` seconds has stalled
RETRY_AFTER_S = 10

# Bytes of a body that wait for the application before reading pauses. uvicorn's own limit is one read, so that each
# piece of a large file would pause the connection and resume it.
httptools_impl.HIGH_WATER_LIMIT = 1 << 19  # type: ignore[attr-defined]


def response(status: bytes, sentence: str, *headers: bytes) -> bytes:
    body = orjson.dumps({"error": sentence})
    fields = [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close", *headers]
    fields += [name + b": " + value for name, value in ANSWER_HEADERS]
    return b"\r\n".join([b"HTTP/1.1 " + status, *fields, b"", body])


MALFORMED = response(
    b"400 Bad Request", "that is not HTTP: the request line, a header or the length of the body is malformed"
)
HEAD_TOO_LONG = response(b"431 Request Header Fields Too Large", "the headers are longer than this server takes")
TIMED_OUT = response(b"408 Request Timeout", "the request did not come to its end in time; send it again")
RETRY_AFTER = b"retry-after: %d" % RETRY_AFTER_S
REFUSALS = {
    Refusal.ADDRESS: response(
        b"429 Too Many Requests", f"{Refusal.ADDRESS.value}; close some, or try again later", RETRY_AFTER
    ),
    Refusal.SERVER: response(b"503 Service Unavailable", f"{Refusal.SERVER.value}; try again later", RETRY_AFTER),
}


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration, with the connections that all protocols of a server share."""

    connections: Connections


class Cycle(RequestResponseCycle):
    """One request and its answer. An HTTP/1.0 client gets no chunks: the answer ends with the connection (RFC 9112)."""

    ends_with_connection = False

    async def send(self, message: Any) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start" and self.scope["http_version"] == "1.0":
            names = {name.lower() for name, _ in message.get("headers", [])}
            self.ends_with_connection = b"content-length" not in names
            if self.ends_with_connection:
                self.chunked_encoding = False
        elif self.ends_with_connection:
            # uvicorn counts an answer without chunks against its declared length, which this one has not.
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


setattr(httptools_impl, "RequestResponseCycle", Cycle)  # noqa: B010  # uvicorn has no argument for it


class HttpProtocol(HttpToolsProtocol):
    """One connection, until it ends or becomes a WebSocket."""

    config: ServerConfig

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections, self._limits = self.config.connections, self.config.connections.limits
        self._head_bytes = 0  # read of a head that has not ended
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._body_deadline_s = 0.0  # by the loop's clock

    # -- the connection ----------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        refusal = self._connections.admit(self, self.client[0] if self.client else "")
        if refusal:
            self._end(REFUSALS[refusal])
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        self._connections.release(self)
        super().connection_lost(exc)

    def give_up(self) -> None:
        self._end(TIMED_OUT if self._head_bytes else b"")

    def handle_websocket_upgrade(self) -> None:
        self._cancel_timers()
        super().handle_websocket_upgrade()
        # From here on only the new protocol learns when the connection ends.
        protocol = self.transport.get_protocol()
        assert isinstance(protocol, WebSocketProtocol)
        protocol.on_lost = lambda: self._connections.release(self)
        if protocol.conn.handshake_exc is not None and not self.transport.is_closing():
            self._end(
                HEAD_TOO_LONG
            )  # the library takes shorter lines, and answers nothing: it would stay open for good

    # -- what is read ------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._end(HEAD_TOO_LONG)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None
        self._connections.work(self)
        self._body_deadline_s = self.loop.time() + self._limits.stall_s
        self._check_body()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        earned_s = self._body_deadline_s + len(body) / MIN_BODY_BYTES_S
        self._body_deadline_s = min(self.loop.time() + self._limits.stall_s, earned_s)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._body_timer:
            self._body_timer.cancel()
            self._body_timer = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self._connections.wait(self)

    def send_400_response(self, msg: str) -> None:
        self._end(MALFORMED)

    # -- what is written ---------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._limits.stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer:
            self._write_timer.cancel()
            self._write_timer = None

    # -- deadlines ---------------------------------------------------------------

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self._limits.head_s, self._end_without_head)

    def _end_without_head(self) -> None:
        if self._is_answering():
            self._await_head()  # an earlier request is being answered, and nothing is read meanwhile
        else:
            self._head_timer = None
            self._end(TIMED_OUT if self._head_bytes else b"")

    def _check_body(self) -> None:
        """End a connection whose body has stalled; else look again at its deadline."""
        now = self.loop.time()
        if self.flow.read_paused or (self.cycle and self.cycle.waiting_for_100_continue and self._is_answering()):
            self._body_deadline_s = now + self._limits.stall_s  # the application lets the client wait
        if now >= self._body_deadline_s:
            self._body_timer = None
            self._end(b"" if self.cycle.response_started else TIMED_OUT)
        else:
            self._body_timer = self.loop.call_at(self._body_deadline_s, self._check_body)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _end(self, answer: bytes) -> None:
        """Send this, if anything, and close. A client that does not take the answer is disconnected soon after."""
        self._cancel_timers()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()
            self.loop.call_later(LINGER_S, self.transport.abort)

    def _cancel_timers(self) -> None:
        for timer in (self._head_timer, self._body_timer, self._write_timer):
            if timer:
                timer.cancel()
        self._head_timer = self._body_timer = self._write_timer = None
