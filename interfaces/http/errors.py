"""Error responses: every refusal in the shape of the contract that it happened in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from application.ports.errors import TooMany, Unavailable
from domain.errors import Conflict, Gone, Invalid, NotAllowed, NotFound, Refused
from interfaces.http import error_messages
from interfaces.http.contract import Contract, contract_at
from interfaces.http.responses import Json

STATUS = {NotFound: 404, NotAllowed: 403, Conflict: 409, Invalid: 400, Gone: 410}


class ErrorOut(BaseModel):
    """The body of an error."""

    error: str = Field(examples=["no such workspace"])


DESCRIPTIONS = {
    400: "the request is invalid",
    401: "sign in first",
    403: "not allowed",
    404: "not found, or somebody else's",
    409: "not possible in the present state",
    413: "the body is too large",
    429: "too many requests; retry after the seconds in Retry-After",
    503: "a part of the server does not answer; retry after the seconds in Retry-After",
}


def errors(*statuses: int, model: type[BaseModel] = ErrorOut) -> dict[int | str, dict[str, Any]]:
    """The error responses of an operation, for the published schema: its own, and those of every operation."""
    return {status: {"model": model, "description": DESCRIPTIONS[status]} for status in (*statuses, 403, 429, 503)}


class Unauthenticated(Exception):
    """The caller is not signed in. The message says which credential the contract takes."""


def error_response(
    app: FastAPI, path: str, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The response for an error, in the shape of the contract at the path."""
    contract = contract_at(app.state.contracts, path)
    status = contract.statuses.get(status, status)
    return Json(contract.render(status, code, error_messages.printable(message)), status, headers)


def install(app: FastAPI, contracts: list[Contract]) -> None:
    """Add the contracts' routes, and the handlers that turn every error into a response of its contract."""
    app.state.contracts = contracts
    for contract in contracts:
        for router in contract.routers:
            # `include_router` would build each route again, which delays the first request.
            app.router.routes += router.routes

    def add_handler(kind: type[Exception], describe: Callable[[Any], tuple[int, str, str, dict[str, str]]]) -> None:
        async def handle(connection: Request | WebSocket, error: Exception) -> Response | None:
            status, code, message, headers = describe(error)
            if status == 405:
                headers["Allow"] = allowed_methods(app.routes, connection.scope) or headers.get("Allow", "")
            response = error_response(app, connection.scope["path"], status, code, message, headers)
            if isinstance(connection, Request):
                return response
            await connection.send_denial_response(response)  # in the handshake, with its status and body
            return None

        app.add_exception_handler(kind, handle)  # type: ignore[arg-type]

    add_handler(Refused, lambda e: (status_of(e), e.code, str(e), {}))
    add_handler(Unauthenticated, lambda e: (401, "unauthorized", str(e), {"WWW-Authenticate": "Bearer"}))
    add_handler(Unavailable, lambda e: (503, "unavailable", str(e), {"Retry-After": str(e.retry_after)}))
    add_handler(TooMany, lambda e: (429, "rate_limited", str(e), {"Retry-After": str(e.retry_after)}))
    add_handler(RequestValidationError, lambda e: (400, "invalid", error_messages.validation_message(e), {}))
    add_handler(WebSocketRequestValidationError, lambda e: (400, "invalid", error_messages.validation_message(e), {}))
    add_handler(HTTPException, lambda e: (e.status_code, "http", error_messages.http_message(e), dict(e.headers or {})))
    app.router.default = unknown_address


async def unknown_address(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404 for an address without a route, over HTTP and for WebSockets."""
    raise HTTPException(404)


def allowed_methods(all_routes: Iterable[BaseRoute], scope: Scope) -> str:
    """The methods of all routes with the path that matches most closely, for Allow; "" without any route.

    HEAD and OPTIONS are answered without a route of their own (`methods.ImpliedMethods`).
    """
    routes = [route for route in all_routes if isinstance(route, Route)]
    matches = [route for route in routes if route.matches({**scope, "type": "http"})[0] != Match.NONE]
    closest = min((route.path for route in matches), key=lambda path: path.count("{"), default="")
    best = [route for route in matches if route.path == closest]
    methods = {method for route in best for method in route.methods or ()}
    implied = {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return ", ".join(sorted(methods | implied)) if methods else ""


def status_of(refusal: Refused) -> int:
    """The HTTP status of a refusal, before its contract may change it."""
    return next(status for kind, status in STATUS.items() if isinstance(refusal, kind))
