"""Identity: the actor of a request, for every contract.

Every contract accepts an API key or a token made from one. A request with either has no other identity, since a key
proves its holder. Under /api/v1 a request may instead have an identity header, set by a proxy or a developer (V01 to
V03), or the cookie of a member who has signed in.
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

SCHEME = "vm"  # of identities that these headers name
PROXY_HEADERS = ("x-vm-user", "x-forwarded-user")  # in their order of precedence
DEV_HEADER = "x-user"
HEADERS = (*PROXY_HEADERS, DEV_HEADER)
IGNORED_SCHEMES = ("basic", "digest", "negotiate", "ntlm")  # a proxy may pass on what it asked for itself
KEY_NEEDED = "a good API key is needed in X-API-Key, or a good token in Authorization: Bearer"


async def current_actor(connection: HTTPConnection) -> Actor:
    """The holder of a key or token; else the member of a cookie, or the user whom a trusted peer names.

    Raises `Unauthenticated` without any of them, for an invalid key, or for a name from a peer that is not trusted.
    """
    if key_actor := await key_holder(connection):
        return key_actor
    deps = http_deps(connection)
    has_identity_header = any(header in connection.headers for header in HEADERS)
    if not has_identity_header and (member := await cookie.signed_in_member(connection)):
        return member
    name = name_from_headers(connection, deps)
    return Actor(
        user_id=await deps.people.identify(SCHEME, name),
        name=name,
        request_id=request_id(connection),
        auditor=name in deps.auditors,
    )


async def current_member(connection: HTTPConnection) -> Actor:
    """The actor with their role as a member, which a token does not carry: for what members share."""
    actor = await current_actor(connection)
    return actor if actor.scopes is None or actor.role else await with_role(http_deps(connection), actor)


async def require_key_holder(connection: HTTPConnection) -> Actor:
    """The holder of the API key or token. Raises `Unauthenticated` without a valid one."""
    actor = await key_holder(connection)
    if actor is None:
        raise Unauthenticated(KEY_NEEDED)
    return actor


async def key_holder(connection: HTTPConnection) -> Actor | None:
    """The holder of the API key or token; None without either. Raises `Unauthenticated` for an invalid one.

    The actor of a token has no role: a token is verified without a query.
    """
    headers = connection.headers.getlist("authorization")
    headers = [header for header in headers if header.partition(" ")[0].lower() not in IGNORED_SCHEMES]
    if headers:
        grant = await find_grant(connection, bearer_token(headers))
    elif "x-api-key" in connection.headers:
        grant = await grant_of_api_key(connection)
    else:
        return None
    if grant is None:
        raise Unauthenticated(KEY_NEEDED)
    return actor_of_grant(connection, grant)


def actor_of_grant(connection: HTTPConnection, grant: Grant) -> Actor:
    """The actor of a grant."""
    return Actor(
        user_id=grant.user_id,
        name=grant.name,
        request_id=request_id(connection),
        auditor=Scope.AUDIT in grant.scopes,
        role=grant.role,
        scopes=grant.scopes,
        key_id=grant.key_id,
    )


async def grant_of_api_key(connection: HTTPConnection) -> Grant:
    """The grant of the key in X-API-Key. Raises `Unauthenticated` without a valid one, whatever else there is."""
    keys = connection.headers.getlist("x-api-key")
    grant = await authenticate_key(connection, keys[0]) if len(keys) == 1 else None
    if grant is None:
        raise Unauthenticated(KEY_NEEDED)
    return grant


async def find_grant(connection: HTTPConnection, text: str) -> Grant | None:
    """The grant of a text that is a key or a token; None for an invalid one."""
    return await (
        authenticate_key(connection, text) if text.startswith(MARK) else http_deps(connection).tokens.verify(text)
    )


async def authenticate_key(connection: HTTPConnection, text: str) -> Grant | None:
    """The grant of a key; None for an invalid one. Wrong keys are counted by client address."""
    return await http_deps(connection).api_keys.authenticate(text, f"key {client_address(connection)}")


async def with_role(deps: HttpDeps, actor: Actor) -> Actor:
    """The actor with their role as a member, if they are one."""
    row = await users.get(deps.queries, actor.user_id)
    return replace(actor, role=Role(row.role)) if row else actor


def bearer_token(headers: list[str]) -> str:
    """The token of exactly one well-formed Authorization header; "" for anything else, which is no valid token."""
    scheme, _, text = headers[0].partition(" ")
    return text.strip() if len(headers) == 1 and scheme.lower() == "bearer" else ""


def request_id(connection: HTTPConnection) -> str:
    """The request's id, as the middleware has set it."""
    return str(connection.scope.get("state", {}).get("request_id", ""))


def name_from_headers(connection: HTTPConnection, deps: HttpDeps) -> str:
    """The name in the identity header. Raises `Unauthenticated` where it is missing, ambiguous or not trusted."""
    headers = (*PROXY_HEADERS, DEV_HEADER) if deps.dev_header else PROXY_HEADERS
    header = next((one for one in headers if one in connection.headers), None)
    if header is None:
        raise Unauthenticated(f"who is asking? Send the header {' or '.join(headers)}")
    if not from_trusted_peer(connection):
        raise Unauthenticated(f"{header} counts only from a trusted proxy (TENURE_TRUSTED_PROXIES)")
    if header == DEV_HEADER and host_name(connection) not in deps.hosts:
        # Without this, a page whose own host name resolves to this machine could send the header (DNS rebinding).
        raise Unauthenticated(f"{header} counts only on {', '.join(sorted(deps.hosts))}")
    names = set(connection.headers.getlist(header))
    if len(names) > 1:
        raise Unauthenticated(f"{header} was sent more than once, with different names")
    try:
        return validate_name(as_utf8(names.pop()), header)
    except Invalid as error:
        raise Unauthenticated(str(error)) from None


def client_address(connection: HTTPConnection) -> str:
    """The client's address: the peer, or the first untrusted hop in X-Forwarded-For as trusted proxies set it."""
    deps = http_deps(connection)
    if connection.client is None:
        return ""
    forwarded = [part.strip() for part in connection.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    hops = [connection.client.host, *reversed(forwarded)]
    return next((hop for hop in hops if not is_trusted(hop, deps)), hops[-1])


def host_name(connection: HTTPConnection) -> str:
    """The host in the Host header, without a port; "" where it is not valid."""
    try:
        return urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def as_utf8(header: str) -> str:
    """A header's value as UTF-8, if it is that. Servers decode headers as Latin-1, most clients send UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header


def from_trusted_peer(connection: HTTPConnection) -> bool:
    """Whether the peer is a trusted proxy, whose headers count."""
    return connection.client is not None and is_trusted(connection.client.host, http_deps(connection))


def is_trusted(host: str, deps: HttpDeps) -> bool:
    """Whether an address is in `trusted_proxies`."""
    try:
        peer = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)  # how a dual-stack socket shows an IPv4 peer
    return any((mapped or peer) in network for network in deps.trusted_proxies)
