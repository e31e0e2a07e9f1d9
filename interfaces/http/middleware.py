"""The edge of the server: every request gets an id, a bound on its body, a log line and a measurement."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

from fastapi import FastAPI
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.ports.clock import Ids
from interfaces.http import error_messages as sentences
from interfaces.http.errors import refuse

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
    """ASGI middleware; outermost. `files` are the paths where the longer bound counts."""

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
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if REQUEST_ID.fullmatch(given) else self.ids().hex
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        length = headers.get(b"content-length", b"")
        await self._http(scope, receive, send, request_id, int(length) if length.isdigit() else 0)

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str, length: int) -> None:
        began = time.perf_counter()
        longest = self.max_file_bytes if self._files.match(scope["path"]) else self.max_body_bytes
        status = received = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                self._measure(scope, status, time.perf_counter() - began, request_id)
            await send(message)

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > longest:
                raise HTTPException(413)
            return message

        try:
            if length > longest:
                sentence = sentences.STATUS[413]
                await refuse(self.api, scope["path"], 413, "too_large", sentence)(scope, receive, sending)
            else:
                await self.app(scope, bounded, sending)
        except Exception:
            log.exception("an error that nobody foresaw", extra={"request_id": request_id})
            if status:
                raise  # the answer has begun: cut it off rather than let it look whole
            sentence = f"something went wrong here; it is in the log under {request_id}"
            await refuse(self.api, scope["path"], 500, "internal", sentence)(scope, receive, sending)

    def _measure(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "none")
        REQUESTS.labels(scope["method"], route, status).inc()
        SECONDS.labels(scope["method"], route).observe(seconds)
        said: dict[str, Any] = {
            "request_id": request_id,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        log.info("answered", extra=said)
