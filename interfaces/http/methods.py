"""HEAD and OPTIONS wherever GET is (RFC 9110, 9.1 and 9.3): no route has to declare them."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interfaces.http.errors import allowed_methods


class ImpliedMethods:
    """ASGI middleware. It answers HEAD with the head of GET's answer, and OPTIONS with the methods of the address."""

    def __init__(self, app: ASGIApp, api: FastAPI) -> None:
        self.app, self.api = app, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HEAD and OPTIONS; pass everything else on."""
        method = scope.get("method")
        allow = allowed_methods(self.api.routes, scope) if method == "OPTIONS" else ""
        if allow or (method == "OPTIONS" and scope["path"] == "*"):  # the server as a whole
            headers = [(b"allow", allow.encode())] if allow else []
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body"})
        elif method == "HEAD":
            await self._head(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head of what GET answers. A body that is a stream is ended as if the client had hung up."""
        as_get = {**scope, "method": "GET"}
        started, has_body = asyncio.Event(), True

        async def send_head(message: Message) -> None:
            if message["type"] != "http.response.start":
                return
            if "route" in as_get:
                scope["route"] = as_get["route"]  # the middleware outside measures by it
            await send(message)
            await send({"type": "http.response.body"})
            started.set()

        async def receive_once() -> Message:
            nonlocal has_body
            if has_body:
                message = await receive()
                has_body = message["type"] == "http.request" and message.get("more_body", False)
                return message
            await started.wait()
            return {"type": "http.disconnect"}

        await self.app(as_get, receive_once, send_head)
