"""Who asks, whatever contract they come by.

An API key, or a token made from one, is taken by every contract, and where one comes along it alone counts: what it
says is proven. Under /api/v1 people may else be named by an identity header, as a proxy or a developer sets it
(V01 to V03), or have signed in and bring their cookie.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from application.access import Actor
from application.ports.api_keys import MARK, Grant
from domain.errors import Invalid
from domain.name import validate_name
from domain.role import Role
from domain.scope import Scope
from interfaces.http import cookies as cookie
from interfaces.http.deps import HttpDeps, http_deps
from interfaces.http.errors import Unauthenticated
from projections import users

SCHEME = "vm"  # the identities of these headers, among people
PROXY_HEADERS = ("x-vm-user", "x-forwarded-user")  # in their order of precedence
DEV_HEADER = "x-user"
HEADERS = (*PROXY_HEADERS, DEV_HEADER)
OTHERS = ("basic", "digest", "negotiate", "ntlm")  # what a proxy has asked for may be passed on; it is not for us
NEEDED = "a good API key is needed in X-API-Key, or a good token in Authorization: Bearer"


async def actor(connection: HTTPConnection) -> Actor:
    """The holder of a key or a token; else the user whom a trusted peer names, or who has signed in.

    `Unauthenticated` without any, for a key that is not good, or for a name from a peer that is not trusted.
    """
    if who := await bearer(connection):
        return who
    deps = http_deps(connection)
    named = any(header in connection.headers for header in HEADERS)
    if not named and (who := await cookie.member(connection)):
        return who
    name = name_of(connection, deps)
    return Actor(
        user_id=await deps.people.identify(SCHEME, name),
        name=name,
        request_id=request_id(connection),
        auditor=name in deps.auditors,
    )


async def placed(connection: HTTPConnection) -> Actor:
    """The same, with their role in the place also where they came with a token: for what members share."""
    who = await actor(connection)
    return who if who.scopes is None or who.role else await with_role(http_deps(connection), who)


async def keyholder(connection: HTTPConnection) -> Actor:
    """Whose API key, or token made from one, comes along. `Unauthenticated` without a good one."""
    who = await bearer(connection)
    if who is None:
        raise Unauthenticated(NEEDED)
    return who


async def bearer(connection: HTTPConnection) -> Actor | None:
    """The same; None where neither comes along. `Unauthenticated` for one that is not good.

    A token is not looked up anywhere, so its holder's role is not known.
    """
    said = [it for it in connection.headers.getlist("authorization") if it.partition(" ")[0].lower() not in OTHERS]
    if said:
        grant = await granted(connection, token_of(said))
    elif "x-api-key" in connection.headers:
        grant = await key(connection)
    else:
        return None
    if grant is None:
        raise Unauthenticated(NEEDED)
    return holder(connection, grant)


def holder(connection: HTTPConnection, grant: Grant) -> Actor:
    """Who came with what gives them this."""
    return Actor(
        user_id=grant.user_id,
        name=grant.name,
        request_id=request_id(connection),
        auditor=Scope.AUDIT in grant.scopes,
        role=grant.role,
        scopes=grant.scopes,
        key_id=grant.key_id,
    )


async def key(connection: HTTPConnection) -> Grant:
    """What the key in X-API-Key opens. `Unauthenticated` without a good one, whatever else comes along."""
    keys = connection.headers.getlist("x-api-key")
    grant = await opened(connection, keys[0]) if len(keys) == 1 else None
    if grant is None:
        raise Unauthenticated(NEEDED)
    return grant


async def granted(connection: HTTPConnection, text: str) -> Grant | None:
    """What a key or a token opens, whichever it is."""
    return await (opened(connection, text) if text.startswith(MARK) else http_deps(connection).tokens.verify(text))


async def opened(connection: HTTPConnection, text: str) -> Grant | None:
    return await http_deps(connection).api_keys.authenticate(text, f"key {address(connection)}")


async def with_role(deps: HttpDeps, who: Actor) -> Actor:
    row = await users.get(deps.queries, who.user_id)
    return replace(who, role=Role(row.role)) if row else who


def token_of(said: list[str]) -> str:
    """The token of one well-formed header; of any other "", which is none."""
    scheme, _, text = said[0].partition(" ")
    return text.strip() if len(said) == 1 and scheme.lower() == "bearer" else ""


def request_id(connection: HTTPConnection) -> str:
    return str(connection.scope.get("state", {}).get("request_id", ""))


def name_of(connection: HTTPConnection, deps: HttpDeps) -> str:
    headers = (*PROXY_HEADERS, DEV_HEADER) if deps.dev_header else PROXY_HEADERS
    header = next((h for h in headers if h in connection.headers), None)
    if header is None:
        raise Unauthenticated(f"who is asking? Send the header {' or '.join(headers)}")
    if not trusted(connection):
        raise Unauthenticated(f"{header} counts only from a trusted proxy (TENURE_TRUSTED_PROXIES)")
    if header == DEV_HEADER and host_of(connection) not in deps.hosts:
        # A page that has its own name resolve to this machine could send it, as if it were of this origin.
        raise Unauthenticated(f"{header} counts only on {', '.join(sorted(deps.hosts))}")
    said = set(connection.headers.getlist(header))
    if len(said) > 1:
        raise Unauthenticated(f"{header} was sent more than once, with different names")
    try:
        return validate_name(as_utf8(said.pop()), header)
    except Invalid as bad:
        raise Unauthenticated(str(bad)) from None


def address(connection: HTTPConnection) -> str:
    """Where a request comes from: the peer; or, where proxies that are trusted say so, whom they speak for."""
    deps = http_deps(connection)
    if connection.client is None:
        return ""
    told = [part.strip() for part in connection.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    hops = [connection.client.host, *reversed(told)]
    return next((hop for hop in hops if not is_trusted(hop, deps)), hops[-1])


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


def trusted(connection: HTTPConnection) -> bool:
    """Whether the peer is one whose headers count."""
    return connection.client is not None and is_trusted(connection.client.host, http_deps(connection))


def is_trusted(host: str, deps: HttpDeps) -> bool:
    try:
        peer = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)  # as a socket that takes both kinds shows an IPv4 peer
    return any((mapped or peer) in network for network in deps.trusted_proxies)
