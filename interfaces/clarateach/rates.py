"""Rate limits by client address, and the headers that report them (T44 to T46)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from interfaces.clarateach.deps import clarateach_deps
from interfaces.http.errors import error_response
from interfaces.http.identity import client_address

KINDS = {("POST", "/api/workshops"): "create", ("POST", "/api/join"): "join"}


class Limited(APIRoute):
    """A route whose requests are limited, also those that fail: `APIRouter(route_class=Limited)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_within_limit(request: Request) -> Response:
            deps = clarateach_deps(request)
            kind = KINDS.get((request.method, self.path), "other")
            rate = await deps.rate_limiter.hit(kind, client_address(request), deps.rate_limits[kind])
            headers = {
                "RateLimit-Limit": str(rate.limit),
                "RateLimit-Remaining": str(rate.remaining),
                "RateLimit-Reset": str(rate.resets_in_s),
            }
            if not rate.allowed:
                headers["Retry-After"] = headers["RateLimit-Reset"]
                message = f"that is more than {rate.limit} an hour; wait a while"
                return error_response(request.app, request.url.path, 429, "rate_limited", message, headers)
            response = await handle(request)
            response.headers.update(headers)
            return response

        return handle_within_limit
