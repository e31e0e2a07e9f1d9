"""The headers that every answer has: what browsers may do with it.

Pages set their own Content-Security-Policy, with a nonce for their script; everything else may load nothing.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANSWER_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"referrer-policy", b"no-referrer"),  # addresses may contain tokens
    (b"x-content-type-options", b"nosniff"),
)
HSTS = (b"strict-transport-security", b"max-age=31536000")
STARTS = ("http.response.start", "websocket.http.response.start")


class SecurityHeaders:
    """ASGI middleware, outside of whatever else answers. `https`: clients reach this server encrypted."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self.app = app
        self._headers = (*ANSWER_HEADERS, HSTS) if https else ANSWER_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers that its answer lacks."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] in STARTS:
                headers = list(message.get("headers", []))
                present = {name.lower() for name, _ in headers}
                message["headers"] = [
                    *headers,
                    *((name, value) for name, value in self._headers if name not in present),
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def page_policy(nonce: str, framed_by: tuple[str, ...] = ()) -> str:
    """The Content-Security-Policy of a page. Its inline script and style carry the nonce."""
    ancestors = " ".join(framed_by) or "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}'",
            f"style-src 'self' 'nonce-{nonce}'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "media-src 'self' blob:",
            f"frame-ancestors {ancestors}",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )
