"""The dependencies of what all contracts share: identity, cookies, streams and the middleware."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from application.access_changes import AccessChanges
from application.api_keys import ApiKeys
from application.instructors import Instructors
from application.logins import Logins
from application.platform import Platform
from application.ports.api_keys import Tokens
from application.ports.clock import Clock, Ids
from application.ports.people import People, Profiles
from application.quotas import QuotaLimits
from projections.query import Queries

Network = IPv4Network | IPv6Network


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
    quotas: QuotaLimits
    access_changes: AccessChanges
    clock: Clock
    ids: Ids
    version: str
    url: str  # this server's public URL, without a slash at the end
    hosts: frozenset[str]  # names that Host may have, beside addresses and localhost
    cors_origins: tuple[str, ...]  # of other servers' pages that may act for who is signed in, and read answers
    local_and_private: bool  # by the settings: see `interfaces.http.local_and_private`
    trusted_proxies: tuple[Network, ...]  # peers whose headers count
    own_networks: Callable[[], Iterable[Network]]  # of machines, whose headers never count
    identity_headers: tuple[str, ...]  # in which a trusted proxy names the user, in small letters
    dev_header: bool | None  # whether x-user names the user; None: where the request is local and private
    auditors: frozenset[str]  # names of users that may see the whole trail
    keepalive_seconds: float  # between two comments that keep a stream open
    max_body_bytes: int
    max_file_bytes: int  # for a request whose body is a file

    @property
    def path(self) -> str:
        """The path of the public URL, below which every address is; "" for the root."""
        return urlsplit(self.url).path

    @property
    def https(self) -> bool:
        """Whether clients reach this server encrypted, so that cookies need never go plain."""
        return self.url.startswith("https://")


def http_deps(connection: HTTPConnection) -> HttpDeps:
    """The dependencies, as the application holds them."""
    deps: HttpDeps = connection.app.state.http
    return deps
