"""Local and private: the one predicate behind everything that needs no credential.

Where it holds, `x-user` names the user, a name alone signs in at /auth/dev, and workshops have an open portal. By its
part about settings alone, workspaces may be processes of this machine (`infra.settings.Settings.exposed_by`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from interfaces.http.addresses import parse_address
from interfaces.http.deps import http_deps
from interfaces.http.hosts import host_of
from interfaces.http.origins import is_of_own_origin

FORWARDING_HEADERS = ("forwarded", "via", "x-real-ip")  # and all that begin with `FORWARDING_PREFIX`
FORWARDING_PREFIX = "x-forwarded-"


@dataclass(frozen=True)
class Condition:
    """A condition of the predicate. The sentence is for the reference page."""

    sentence: str
    holds: Callable[[HTTPConnection], bool]


def is_local_and_private(connection: HTTPConnection) -> bool:
    """Whether this request can only be one of a person at this machine: every condition holds."""
    return all(condition.holds(connection) for condition in CONDITIONS)


def is_set_up_for_one_machine(connection: HTTPConnection) -> bool:
    return http_deps(connection).local_and_private


def is_from_loopback(connection: HTTPConnection) -> bool:
    address = parse_address(connection.client.host) if connection.client else None
    return address is not None and address.is_loopback


def is_to_loopback(connection: HTTPConnection) -> bool:
    host = host_of(connection.scope)
    return host is not None and host.is_loopback


def is_not_forwarded(connection: HTTPConnection) -> bool:
    names = connection.headers.keys()
    return not any(name in FORWARDING_HEADERS or name.startswith(FORWARDING_PREFIX) for name in names)


CONDITIONS = (
    Condition(
        "`TENURE_BIND` is a loopback address, `TENURE_PUBLIC_URL` is not set or names one, and no sign-in provider "
        "is configured",
        is_set_up_for_one_machine,
    ),
    Condition("the peer's address is a loopback address", is_from_loopback),
    Condition("`Host` is localhost or a loopback address", is_to_loopback),
    Condition(
        "no header says that it was forwarded: `Forwarded`, `Via`, `X-Real-IP`, or any `X-Forwarded-…`",
        is_not_forwarded,
    ),
    Condition(
        "no page of another origin asks: `Origin`, if sent, is this server's or in `TENURE_CORS_ORIGINS`, and "
        "`Sec-Fetch-Site` does not tell otherwise",
        is_of_own_origin,
    ),
)
