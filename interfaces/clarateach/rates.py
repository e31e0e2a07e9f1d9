"""How often one address may ask, and how that is said (T44 to T46)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from interfaces.clarateach.deps import clarateach_deps
from interfaces.http.errors import refuse
from interfaces.http.identity import client_address

OWN = {("POST", "/api/workshops"): "create", ("POST", "/api/join"): "join"}


class Limited(APIRoute):
    """A route whose requests are counted, whatever becomes of them: `APIRouter(route_class=Limited)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def counted(request: Request) -> Response:
            deps = clarateach_deps(request)
            kind = OWN.get((request.method, self.path), "other")
            rate = await deps.rate_limiter.hit(kind, client_address(request), deps.rate_limits[kind])
            said = {
                "RateLimit-Limit": str(rate.limit),
                "RateLimit-Remaining": str(rate.remaining),
                "RateLimit-Reset": str(rate.resets_in_s),
            }
            if not rate.allowed:
                said["Retry-After"] = said["RateLimit-Reset"]
                sentence = f"that is more than {rate.limit} an hour; wait a while"
                return refuse(request.app, request.url.path, 429, "rate_limited", sentence, **said)
            response = await answer(request)
            response.headers.update(said)
            return response

        return counted
