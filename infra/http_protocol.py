"""uvicorn's HTTP. What is not HTTP never reaches the application; it is refused in JSON all the same."""

from __future__ import annotations

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BODY = orjson.dumps({"error": "that is not HTTP: the request line, a header or the length of the body is malformed"})
ANSWER = b"\r\n".join(
    [
        b"HTTP/1.1 400 Bad Request",
        b"content-type: application/json",
        b"content-length: %d" % len(BODY),
        b"connection: close",
        b"",
        BODY,
    ]
)


class HttpProtocol(HttpToolsProtocol):
    def send_400_response(self, msg: str) -> None:
        self.transport.write(ANSWER)
        self.transport.close()
