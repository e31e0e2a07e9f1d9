"""Serving below the path of the public URL, whether a proxy passes that path on or removes it."""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class BelowPath:
    """The outermost ASGI middleware of a server whose public URL has a path: everything inside sees paths without it.

    `path` begins with a slash, has none at its end, and no characters that are escaped in addresses. `root_path` is set
    for what writes links, as ASGI has it.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app, self.path = app, path
        self._raw_path = path.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == self.path:
            # The page's own links are relative, and would lead above the path.
            await RedirectResponse(f"{self.path}/", 307)(scope, receive, send)
            return
        await self.app(self._below(scope), receive, send)

    def _below(self, scope: Scope) -> Scope:
        inner = {**scope, "root_path": self.path}
        raw_path = scope.get("raw_path") or scope["path"].encode()
        # The raw path decides: an escaped slash within the first names must not make one path out of another.
        if raw_path.startswith(self._raw_path + b"/"):
            inner |= {"path": scope["path"][len(self.path) :], "raw_path": raw_path[len(self._raw_path) :]}
        return inner
