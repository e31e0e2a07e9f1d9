"""The outermost middleware: every request gets an id, a limit of its body, a log line and metrics."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

from fastapi import FastAPI
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.ports.clock import Ids
from interfaces.http import error_messages
from interfaces.http.errors import error_response

log = logging.getLogger("tenure.request")
REQUESTS = Counter("tenure_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "tenure_request_seconds",
    "Time until the answer began, in seconds",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


class Edge:
    """ASGI middleware. `files` are patterns of the paths where `max_file_bytes` is the limit."""

    def __init__(
        self, app: ASGIApp, api: FastAPI, ids: Ids, max_body_bytes: int, max_file_bytes: int, files: list[str]
    ) -> None:
        self.app, self.api, self.ids = app, api, ids
        self.max_body_bytes, self.max_file_bytes = max_body_bytes, max_file_bytes
        self._files = re.compile("|".join(files))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        client_id = headers.get(b"x-request-id", b"")
        request_id = client_id.decode() if REQUEST_ID.fullmatch(client_id) else self.ids().hex
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        length = headers.get(b"content-length", b"")
        await self._http(scope, receive, send, request_id, int(length) if length.isdigit() else 0)

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str, length: int) -> None:
        began = time.perf_counter()
        max_bytes = self.max_file_bytes if self._files.match(scope["path"]) else self.max_body_bytes
        status = received = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                self._measure(scope, status, time.perf_counter() - began, request_id)
            await send(message)

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise HTTPException(413)
            return message

        try:
            if length > max_bytes:
                text = error_messages.STATUS_MESSAGES[413]
                await error_response(self.api, scope["path"], 413, "too_large", text)(scope, receive, send_with_id)
            else:
                await self.app(scope, receive_within_limit, send_with_id)
        except ClientDisconnect:
            log.info("the client hung up before its body had ended", extra={"request_id": request_id})
        except Exception:
            log.exception("unhandled error", extra={"request_id": request_id})
            if status:
                raise  # cut the response off: it has begun, and must not look complete
            text = f"something went wrong here; it is in the log under {request_id}"
            await error_response(self.api, scope["path"], 500, "internal", text)(scope, receive, send_with_id)

    def _measure(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "none")
        REQUESTS.labels(scope["method"], route, status).inc()
        SECONDS.labels(scope["method"], route).observe(seconds)
        fields: dict[str, Any] = {
            "request_id": request_id,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        log.info("answered", extra=fields)
