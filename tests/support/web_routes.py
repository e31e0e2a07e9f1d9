"""The routes of the application, as addresses that a test can ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from starlette.routing import Route, WebSocketRoute

from interfaces.app import CONTRACTS

NOBODY = "00000000-0000-4000-8000-000000000000"


def routes() -> list[Any]:
    """Every route of every contract."""
    return [route for contract in CONTRACTS for router in contract.routers for route in router.routes]


def http_routes() -> Iterator[tuple[str, set[str]]]:
    """The address of each route over HTTP, with an id of nothing in place of its parameters, and its methods."""
    for route in routes():
        if isinstance(route, Route):
            yield filled(route.path), set(route.methods or ())


def websocket_paths() -> list[str]:
    """The address of each WebSocket, as its route has it."""
    return [route.path for route in routes() if isinstance(route, WebSocketRoute)]


def filled(path: str) -> str:
    """The path with an id in place of its parameters."""
    return re.sub(r"{[^}]*}", NOBODY, path)
