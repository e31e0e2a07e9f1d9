"""What the contracts share: what they are given, who asks, and how a refusal becomes an answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from application.api_keys import ApiKeys
from application.claims import Claims
from application.classroom_ports import Learners, Rates
from application.consoles import Consoles
from application.displays import Displays
from application.files import Files
from application.guests import Guests
from application.hosted_sessions import HostedSessions
from application.instructors import Instructors
from application.invites import Invites
from application.key_ports import Tokens
from application.logins import Logins
from application.machine_configs import MachineConfigs
from application.platform import Platform
from application.ports import Attempts, Clock, Ids, People, Profiles, Provider, TooMany, Unavailable
from application.regions import Regions
from application.registrations import Registering
from application.seats import Seats
from application.terminals import Presence, Terminals
from application.turns import Turns
from application.users import Users
from application.vm_accounts import VmAccounts
from application.vm_administration import VmAdministration
from application.vm_configs import VmConfigs
from application.vm_images import Images
from application.vm_servers import VmServers
from application.workshops import Workshops
from application.workspaces import Workspaces
from domain.errors import Conflict, Gone, Invalid, NotAllowed, NotFound, Refused
from interfaces import sentences
from projections.pushes import Hub
from projections.reads import Reads

log = logging.getLogger(__name__)
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
    """Nobody whom the contract knows is asking. The message says what credential it takes."""


@dataclass(frozen=True)
class Part:
    """How one part of the system is."""

    ok: bool
    needed: bool = field(default=True, kw_only=True)  # without it the whole is not ready; else it is degraded
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Deps:
    """What every contract is given."""

    workspaces: Workspaces
    machine_configs: MachineConfigs
    regions: Regions
    workshops: Workshops
    seats: Seats
    registering: Registering
    instructors: Instructors
    learners: Learners
    rates: Rates
    users: Users
    invites: Invites
    logins: Logins
    claims: Claims
    vm_accounts: VmAccounts
    vm_administration: VmAdministration
    vm_servers: VmServers
    vm_configs: VmConfigs
    consoles: Consoles
    images: Images
    turns: Turns
    hosted_sessions: HostedSessions
    guests: Guests
    api_keys: ApiKeys
    tokens: Tokens
    platform: Platform
    reads: Reads
    hub: Hub
    people: People
    profiles: Profiles
    providers: Mapping[str, Provider]  # that people can sign in with, by their name in /auth/NAME
    attempts: Attempts
    terminals: Terminals
    files: Files
    displays: Displays
    presence: Presence
    clock: Clock
    ids: Ids
    parts: dict[str, Callable[[], Awaitable[Part]]]  # what readiness looks at, by name
    measure: Callable[[], Awaitable[None]]  # brings the gauges up to date
    version: str
    trusted: tuple[IPv4Network | IPv6Network, ...]  # peers whose identity headers count
    dev_header: bool  # whether x-user authenticates
    hosts: frozenset[str]  # names that this server goes by, without ports
    origins: frozenset[str]  # whose pages may act for somebody who has signed in, beside those of `hosts`
    url: str  # what clients are told, without a slash at the end
    dev_login: bool  # whether a name alone signs in
    auditors: frozenset[str]  # names that may see the whole trail
    keepalive_seconds: float
    heartbeat_seconds: float  # of silence, after which a terminal's socket is closed
    max_body_bytes: int
    region_header: str | None  # in which a trusted proxy says where a request comes from
    max_file_bytes: int  # of a request whose body is a file
    portal_is_open: bool  # whoever asks about workshops and does not say who they are is an instructor
    rate_limits: Mapping[str, int]  # requests of each kind from one address in an hour

    @property
    def https(self) -> bool:
        """Whether clients reach it encrypted, so that cookies need never go plain."""
        return self.url.startswith("https://")


class Json(JSONResponse):
    """JSON with times in RFC 3339, UTC, `Z`."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


Render = Callable[[int, str, str], Any]  # (status, code, sentence) -> the contract's error body


@dataclass(frozen=True)
class Contract:
    """One outside API: its routes, and the shape of its errors under its prefixes."""

    name: str
    routers: tuple[APIRouter, ...]
    prefixes: tuple[str, ...]
    render: Render
    statuses: Mapping[int, int] = field(default_factory=dict)  # that it has other ones for
    files: str = r"(?!)"  # the paths at which a request's body may be a file: a pattern


def deps(connection: HTTPConnection) -> Deps:
    found: Deps = connection.app.state.deps
    return found


def contract_at(contracts: list[Contract], path: str) -> Contract:
    """Whose errors are shown at a path: the longest prefix wins."""
    fits = [(len(p), nth) for nth, c in enumerate(contracts) for p in c.prefixes if path.startswith(p)]
    return contracts[max(fits)[1]]


def plain_error(status: int, code: str, sentence: str) -> Any:
    return {"error": sentence}


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
