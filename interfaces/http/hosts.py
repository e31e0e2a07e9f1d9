"""Which Host names this server answers to, over HTTP and for WebSockets."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from interfaces.http.addresses import HostAndPort, parse_host
from interfaces.http.edge_rules import FOREIGN_HOST
from interfaces.http.errors import error_response

LOCALHOST = "localhost"


class KnownHosts:
    """ASGI middleware: a request whose Host is none of this server's is refused before any route.

    `hosts` are names in small letters. Addresses need not be listed: no name was made to lead here.
    """

    def __init__(self, app: ASGIApp, api: FastAPI, hosts: frozenset[str]) -> None:
        self.app, self.api, self.hosts = app, api, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self.is_known(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self.refusal(scope)(scope, receive, send)
        else:
            await WebSocket(scope, receive, send).send_denial_response(self.refusal(scope))

    def is_known(self, scope: Scope) -> bool:
        """Whether Host is this server's. HTTP/1.0 clients, such as health checks, may leave it out (RFC 9112, 3.2)."""
        if scope["http_version"] == "1.0" and not host_headers(scope):
            return True
        host = host_of(scope)
        return host is not None and (host.address is not None or host.name == LOCALHOST or host.name in self.hosts)

    def refusal(self, scope: Scope) -> Response:
        """The answer, in the shape of the contract at the path."""
        rule = FOREIGN_HOST
        return error_response(self.api, scope["path"], rule.status, rule.code, rule.sentence)


def host_of(scope: Scope) -> HostAndPort | None:
    """The host that the client called; None where Host is missing, malformed or sent twice."""
    headers = host_headers(scope)
    return parse_host(headers[0].decode("latin-1")) if len(headers) == 1 else None


def host_headers(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"host"]
