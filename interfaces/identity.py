"""Who asks under /api/v1: an identity header, as a proxy or a developer sets it (V01 to V03); else the cookie."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from application.access import Actor
from domain.errors import Invalid
from domain.name import checked
from interfaces import cookie
from interfaces.serve import Deps, Unauthenticated, deps

SCHEME = "vm"  # the identities of these headers, among people
PROXY_HEADERS = ("x-vm-user", "x-forwarded-user")  # in their order of precedence
DEV_HEADER = "x-user"
HEADERS = (*PROXY_HEADERS, DEV_HEADER)


async def actor(connection: HTTPConnection) -> Actor:
    """The user whom a trusted peer names, or who has signed in where nobody is named.

    `Unauthenticated` without either, or for a name from a peer that is not trusted.
    """
    given = deps(connection)
    named = any(header in connection.headers for header in HEADERS)
    if not named and (who := await cookie.member(connection)):
        return who
    name = name_of(connection, given)
    return Actor(
        user_id=await given.people.identify(SCHEME, name),
        name=name,
        request_id=connection.scope.get("state", {}).get("request_id", ""),
        auditor=name in given.auditors,
    )


async def keyholder(connection: HTTPConnection) -> Actor:
    """Whose API key, or token from one, comes along. `Unauthenticated` without a good one."""
    raise Unauthenticated("send an API key in X-API-Key, or a token in Authorization: Bearer")


def name_of(connection: HTTPConnection, given: Deps) -> str:
    headers = (*PROXY_HEADERS, DEV_HEADER) if given.dev_header else PROXY_HEADERS
    header = next((h for h in headers if h in connection.headers), None)
    if header is None:
        raise Unauthenticated(f"who is asking? Send the header {' or '.join(headers)}")
    if not trusted(connection, given):
        raise Unauthenticated(f"{header} counts only from a trusted proxy (TENURE_TRUSTED_PROXIES)")
    if header == DEV_HEADER and host_of(connection) not in given.hosts:
        # A page that has its own name resolve to this machine could send it, as if it were of this origin.
        raise Unauthenticated(f"{header} counts only on {', '.join(sorted(given.hosts))}")
    said = set(connection.headers.getlist(header))
    if len(said) > 1:
        raise Unauthenticated(f"{header} was sent more than once, with different names")
    try:
        return checked(as_utf8(said.pop()), header)
    except Invalid as bad:
        raise Unauthenticated(str(bad)) from None


def address(connection: HTTPConnection) -> str:
    """Where a request comes from: the peer; or, where proxies that are trusted say so, whom they speak for."""
    given = deps(connection)
    if connection.client is None:
        return ""
    told = [part.strip() for part in connection.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    hops = [connection.client.host, *reversed(told)]
    return next((hop for hop in hops if not is_trusted(hop, given)), hops[-1])
def host_of(connection: HTTPConnection) -> str:
    """What the client calls this server, without a port; "" where that is no host's name."""
    try:
        return urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def as_utf8(header: str) -> str:
    """A header's value, which is read as Latin-1 though most who send more than ASCII mean UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header


def trusted(connection: HTTPConnection, given: Deps) -> bool:
    """Whether the peer is one whose headers count."""
    return connection.client is not None and is_trusted(connection.client.host, given)


def is_trusted(host: str, given: Deps) -> bool:
    try:
        peer = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)  # as a socket that takes both kinds shows an IPv4 peer
    return any((mapped or peer) in network for network in given.trusted)
