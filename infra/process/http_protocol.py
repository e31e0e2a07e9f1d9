"""uvicorn's HTTP protocol, with refusals in JSON for what never reaches the application: malformed or endless heads."""

from __future__ import annotations

import orjson
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536  # request line and headers, and what is read together with them

# Bytes of a body that wait for the application before reading pauses. uvicorn's own limit is one read, so that each
# piece of a large file would pause the connection and resume it.
httptools_impl.HIGH_WATER_LIMIT = 1 << 19  # type: ignore[attr-defined]


def response(status: bytes, sentence: str) -> bytes:
    body = orjson.dumps({"error": sentence})
    length = b"content-length: %d" % len(body)
    return b"\r\n".join(
        [b"HTTP/1.1 " + status, b"content-type: application/json", length, b"connection: close", b"", body]
    )


MALFORMED = response(
    b"400 Bad Request", "that is not HTTP: the request line, a header or the length of the body is malformed"
)
HEAD_TOO_LONG = response(b"431 Request Header Fields Too Large", "the headers are longer than this server takes")


class HttpProtocol(HttpToolsProtocol):
    head_bytes = 0  # read of a head that has not ended

    def data_received(self, data: bytes) -> None:
        self.head_bytes += len(data)
        super().data_received(data)
        if self.head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(HEAD_TOO_LONG)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self.head_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.head_bytes = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        self.transport.write(MALFORMED)
        self.transport.close()
