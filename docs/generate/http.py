"""http.md: every address that Tenure answers at, by contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docs.generate.markdown import code, document, first_line, table
from interfaces.app import CONTRACTS
from interfaces.http.contract import Contract

INTRODUCTION = """
Every route, by the [contract](contracts.md) that it belongs to. `WS` is a WebSocket. A running server describes
parameters and bodies at `/openapi.json`, and shows them at `/docs`. The messages of streams and sockets are in
[Streams and sockets](streams.md). Every address that takes GET takes HEAD, and every address takes OPTIONS.
"""


def page() -> str:
    parts = [INTRODUCTION]
    for contract in CONTRACTS:
        parts += [f"## {contract.name}", table(("method", "address", "what for"), routes(contract))]
    return document("Addresses", *parts)


def routes(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """The routes, in the order in which they are tried."""
    route_list: list[Any] = [route for router in contract.routers for route in router.routes]
    for route in route_list:
        yield methods(route), code(re.sub(r":\w+}", "}", route.path)), purpose(route)


def methods(route: Any) -> str:
    return ", ".join(sorted(getattr(route, "methods", None) or {"WS"}))


def purpose(route: Any) -> str:
    """What the docstring of an endpoint says first; else what its name says."""
    return first_line(route.endpoint.__doc__) or route.name.strip("_").replace("_", " ").capitalize()
