"""How a refusal becomes an answer in the shape of its contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from application.ports.errors import TooMany, Unavailable
from domain.errors import Conflict, Gone, Invalid, NotAllowed, NotFound, Refused
from interfaces.http import error_messages as sentences
from interfaces.http.contract import Contract, contract_at
from interfaces.http.responses import Json

STATUS = {NotFound: 404, NotAllowed: 403, Conflict: 409, Invalid: 400, Gone: 410}


class ErrorOut(BaseModel):
    """What went wrong, as a sentence."""

    error: str = Field(examples=["no such workspace"])


DESCRIBED = {
    400: "what was sent makes no sense as it stands",
    401: "nobody whom we know is asking",
    403: "you may not do that",
    404: "it is not there, or it is somebody else's",
    409: "not in the state that it is in",
    413: "the body is too large",
    429: "too often; Retry-After says when to ask again",
    503: "a part does not answer now; Retry-After says when to ask again",
}


def errors(*statuses: int, model: type[BaseModel] = ErrorOut) -> dict[int | str, dict[str, Any]]:
    """For the published schema: an operation's refusals, and those that can happen to all."""
    return {status: {"model": model, "description": DESCRIBED[status]} for status in (*statuses, 403, 429, 503)}


class Unauthenticated(Exception):
    """The caller is not signed in. The message says which credential the contract takes."""


def refuse(app: FastAPI, path: str, status: int, code: str, sentence: str, **headers: str) -> Response:
    contract = contract_at(app.state.contracts, path)
    status = contract.statuses.get(status, status)
    return Json(contract.render(status, code, sentences.shown(sentence)), status, headers)


def install(app: FastAPI, contracts: list[Contract]) -> None:
    """Add the contracts' routes, and let every error leave in the shape of the contract that it happened in."""
    app.state.contracts = contracts
    for contract in contracts:
        for router in contract.routers:
            # Including the router would make each of its routes anew, while the first request waits.
            app.router.routes += router.routes

    def on(kind: type[Exception], answer: Callable[[Any], tuple[int, str, str, dict[str, str]]]) -> None:
        async def handle(connection: Request | WebSocket, error: Exception) -> Response | None:
            status, code, sentence, headers = answer(error)
            if status == 405:
                headers["Allow"] = methods_at(contracts, connection.scope) or headers.get("Allow", "")
            refusal = refuse(app, connection.scope["path"], status, code, sentence, **headers)
            if isinstance(connection, Request):
                return refusal
            await connection.send_denial_response(refusal)  # in the handshake, with its status and body
            return None

        app.add_exception_handler(kind, handle)  # type: ignore[arg-type]

    on(Refused, lambda e: (status_of(e), e.code, str(e), {}))
    on(Unauthenticated, lambda e: (401, "unauthorized", str(e), {"WWW-Authenticate": "Bearer"}))
    on(Unavailable, lambda e: (503, "unavailable", str(e), {"Retry-After": str(e.retry_after)}))
    on(TooMany, lambda e: (429, "rate_limited", str(e), {"Retry-After": str(e.retry_after)}))
    on(RequestValidationError, lambda e: (400, "invalid", sentences.of_validation(e), {}))
    on(WebSocketRequestValidationError, lambda e: (400, "invalid", sentences.of_validation(e), {}))
    on(HTTPException, lambda e: (e.status_code, "http", sentences.of_http(e), dict(e.headers or {})))
    app.router.default = nowhere


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """An address at which there is nothing, for HTTP and for WebSockets."""
    raise HTTPException(404)


def methods_at(contracts: list[Contract], scope: Scope) -> str:
    """What an address takes, over all the routes there of the path that fits it closest; "" if it is no contract's."""
    routes = [route for contract in contracts for router in contract.routers for route in router.routes]
    there = [route for route in routes if isinstance(route, APIRoute) and route.matches(scope)[0] != Match.NONE]
    closest = min((route.path for route in there), key=lambda path: path.count("{"), default="")  # the first of those
    best = [route for route in there if route.path == closest]
    return ", ".join(sorted({method for route in best for method in route.methods or ()}))


def status_of(refusal: Refused) -> int:
    return next(status for kind, status in STATUS.items() if isinstance(refusal, kind))
