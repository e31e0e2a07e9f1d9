"""uvicorn's HTTP. What is not HTTP never reaches the application; it is refused in JSON all the same."""

from __future__ import annotations

import orjson
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 65_536  # bytes of request line and headers, and what is read beside them at once

# Bytes of a body that wait for the application before reading pauses. uvicorn's own is as much as comes at once, so
# that each piece of a large file would stop the connection, and start it again.
httptools_impl.HIGH_WATER_LIMIT = 1 << 19  # type: ignore[attr-defined]


def answer(status: bytes, sentence: str) -> bytes:
    body = orjson.dumps({"error": sentence})
    length = b"content-length: %d" % len(body)
    return b"\r\n".join(
        [b"HTTP/1.1 " + status, b"content-type: application/json", length, b"connection: close", b"", body]
    )


MALFORMED = answer(
    b"400 Bad Request", "that is not HTTP: the request line, a header or the length of the body is malformed"
)
TOO_LONG = answer(b"431 Request Header Fields Too Large", "the headers are longer than this server takes")


class HttpProtocol(HttpToolsProtocol):
    head = 0  # bytes read of a head that has not ended

    def data_received(self, data: bytes) -> None:
        self.head += len(data)
        super().data_received(data)
        if self.head > LONGEST_HEAD and not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self.head = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.head = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        self.transport.write(MALFORMED)
        self.transport.close()
