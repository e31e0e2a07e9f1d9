"""Which pages of other origins may read answers: CORS, as the Fetch standard defines it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

EXPOSED_HEADERS = ("x-request-id", "x-tenure-position")


class CrossOrigin:
    """ASGI middleware. Pages of `listed` origins may read everything, with credentials.

    Where a path matches one of the patterns `any_origin`, pages of any origin may read the answer, without
    credentials of the browser: such a path takes a token that the page itself must have, and nothing that a browser
    sends along by itself.
    """

    def __init__(self, app: ASGIApp, listed: Sequence[str], any_origin: Sequence[str]) -> None:
        self._app = app
        self._any_origin = re.compile("|".join(any_origin))
        self._listed = frozenset(origin.encode() for origin in listed)
        self._for_listed = CORSMiddleware(
            app,
            allow_origins=listed,
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
        self._for_any = CORSMiddleware(
            app, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED_HEADERS
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._choose(scope)(scope, receive, send)

    def _choose(self, scope: Scope) -> ASGIApp:
        if scope["type"] != "http":
            return self._app
        is_listed = any(name == b"origin" and value in self._listed for name, value in scope["headers"])
        if not is_listed and self._any_origin.match(scope["path"]):
            return self._for_any
        return self._for_listed if self._listed else self._app
