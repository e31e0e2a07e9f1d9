"""The dependencies of what all contracts share: identity, cookies, streams and the middleware."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from starlette.requests import HTTPConnection

from application.api_keys import ApiKeys
from application.instructors import Instructors
from application.logins import Logins
from application.platform import Platform
from application.ports.api_keys import Tokens
from application.ports.clock import Ids
from application.ports.people import People, Profiles
from projections.query import Queries


@dataclass(frozen=True)
class HttpDeps:
    """Commands, queries and ports of identity, this server's addresses, and the limits of requests."""

    queries: Queries
    platform: Platform
    people: People
    profiles: Profiles
    logins: Logins
    instructors: Instructors
    api_keys: ApiKeys
    tokens: Tokens
    ids: Ids
    version: str
    url: str  # this server's public URL, without a slash at the end
    hosts: frozenset[str]  # this server's host names, without ports
    origins: frozenset[str]  # of pages that may send a login cookie, beside those of `hosts`
    cors_origins: tuple[str, ...]  # of pages that may read answers
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]  # peers whose identity headers count
    dev_header: bool  # whether x-user authenticates
    auditors: frozenset[str]  # names of users that may see the whole trail
    keepalive_seconds: float  # between two comments that keep a stream open
    max_body_bytes: int
    max_file_bytes: int  # for a request whose body is a file

    @property
    def https(self) -> bool:
        """Whether clients reach this server encrypted, so that cookies need never go plain."""
        return self.url.startswith("https://")


def http_deps(connection: HTTPConnection) -> HttpDeps:
    """The dependencies, as the application holds them."""
    deps: HttpDeps = connection.app.state.http
    return deps
