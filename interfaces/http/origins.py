"""Which pages may act for a person who is signed in: those of this server, by scheme, host and port.

A browser sends a cookie along whichever page asks, and also where nothing but the port differs. So what a cookie
authorises must come from a page of this server, or of an origin in `TENURE_CORS_ORIGINS`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from domain.errors import NotAllowed
from interfaces.http.deps import HttpDeps, http_deps
from interfaces.http.edge_rules import FOREIGN_ORIGIN
from interfaces.http.hosts import host_of

DEFAULT_PORTS = {"http": 80, "https": 443}
OWN_FETCHES = ("same-origin", "none")  # of Sec-Fetch-Site: of a page of this origin, or of the person themselves

Origin = tuple[str, str, int]  # scheme, host, port


def require_own_origin(connection: HTTPConnection) -> None:
    """Return if a page of this server asks, or no page. Raises `NotAllowed` for a page of another origin.

    Every browser sends Origin with a WebSocket, and with every request but GET and HEAD. Where it is missing,
    Sec-Fetch-Site and Referer decide; a request with none of the three is a program's, which was handed the cookie.
    """
    if not is_of_own_origin(connection):
        raise NotAllowed(FOREIGN_ORIGIN.sentence)


def is_of_own_origin(connection: HTTPConnection) -> bool:
    """Whether a page of this server asks, or no page."""
    headers, deps = connection.headers, http_deps(connection)
    if "origin" in headers:
        return all(is_own(origin, connection, deps) for origin in headers.getlist("origin"))
    if headers.get("sec-fetch-site", "none") not in OWN_FETCHES:
        return "referer" in headers and is_own(headers["referer"], connection, deps)
    return True


def is_own(page: str, connection: HTTPConnection, deps: HttpDeps) -> bool:
    """Whether a page, or its origin, is one of this server's or a listed one."""
    origin = parse_origin(page)
    if origin is None:
        return False
    listed = (parse_origin(url) for url in (deps.url, *deps.cors_origins))
    return origin in listed or origin == called_origin(connection, deps)


def called_origin(connection: HTTPConnection, deps: HttpDeps) -> Origin | None:
    """The origin under which the client has called this server.

    Names are served with the scheme of the public URL. Under an address or localhost, which no certificate of the
    proxy is for, clients speak to Tenure itself, which has no TLS.
    """
    host, public = host_of(connection.scope), parse_origin(deps.url)
    if host is None or public is None:
        return None
    is_name = host.name in deps.hosts and not host.is_loopback and host.address is None
    scheme = public[0] if is_name or host.name == public[1] else "http"
    return scheme, host.name, host.port or DEFAULT_PORTS[scheme]


def parse_origin(url: str) -> Origin | None:
    """The origin of a URL (RFC 6454, section 4); None for `null`, and for what is no http URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.removesuffix("."), port or DEFAULT_PORTS[parts.scheme]
