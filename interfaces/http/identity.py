"""Identity: the actor of a request, for every contract.

Every contract accepts an API key or a token made from one. A request with either has no other identity, since a key
proves its holder. Under /api/v1 a request may instead have an identity header, set by a proxy or a developer (V01 to
V03), or the cookie of a member who has signed in. What is refused on every route is a table, in `edge_rules`.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import HTTPConnection

from application.access import Actor
from application.ports.api_keys import MARK, Grant
from application.ports.people import LOCAL
from domain.errors import Invalid
from domain.name import validate_name
from domain.role import Role
from domain.scope import Scope
from interfaces.http import cookies as cookie
from interfaces.http.addresses import (
    Address,
    client_of,
    limited_network,
    parse_address,
    parse_forwarded,
    parse_x_forwarded_for,
)
from interfaces.http.deps import HttpDeps, http_deps
from interfaces.http.edge_rules import FORWARDED_NAME, TWO_NAMES
from interfaces.http.errors import Unauthenticated
from interfaces.http.local_and_private import is_local_and_private, is_not_forwarded
from projections import users

SCHEME = LOCAL  # of identities that these headers name
DEFAULT_IDENTITY_HEADERS = ("x-vm-user", "x-forwarded-user")
DEV_HEADER = "x-user"
IGNORED_SCHEMES = ("basic", "digest", "negotiate", "ntlm")  # a proxy may pass on what it asked for itself
KEY_NEEDED = "a good API key is needed in X-API-Key, or a good token in Authorization: Bearer"


async def current_actor(connection: HTTPConnection) -> Actor:
    """The holder of a key or token; else the member of a cookie, or the user whom a trusted peer names.

    Raises `Unauthenticated` without any of them, for an invalid key, or for a name from a peer that is not trusted.
    """
    if key_actor := await key_holder(connection):
        return key_actor
    deps = http_deps(connection)
    if not has_identity_header(connection) and (member := await cookie.signed_in_member(connection)):
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
    return actor if actor.role else await with_role(http_deps(connection), actor)


async def require_key_holder(connection: HTTPConnection) -> Actor:
    """The holder of the API key or token. Raises `Unauthenticated` without a valid one."""
    actor = await key_holder(connection)
    if actor is None:
        raise Unauthenticated(KEY_NEEDED)
    return actor


async def key_holder(connection: HTTPConnection) -> Actor | None:
    """The holder of the API key or token; None without either. Raises `Unauthenticated` for an invalid one.

    The actor of a token has no role: for requests that read, a token is verified without a query.
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
        by_token=grant.is_token,
        expires_at=grant.expires_at,
    )


async def grant_of_api_key(connection: HTTPConnection) -> Grant:
    """The grant of the key in X-API-Key. Raises `Unauthenticated` without a valid one, whatever else there is."""
    keys = connection.headers.getlist("x-api-key")
    grant = await authenticate_key(connection, keys[0]) if len(keys) == 1 else None
    if grant is None:
        raise Unauthenticated(KEY_NEEDED)
    return grant


async def find_grant(connection: HTTPConnection, text: str) -> Grant | None:
    """The grant of a text that is a key or a token; None for an invalid one.

    Where something is changed, and for sockets, the key of a token is looked up. Else a token could outlive the
    revocation of its key in what it makes: invites, roles, accounts with a password.
    """
    if text.startswith(MARK):
        return await authenticate_key(connection, text)
    grant = await http_deps(connection).tokens.verify(text)
    is_read = connection.scope["type"] == "http" and connection.scope["method"] in cookie.SAFE_METHODS
    if grant is None or is_read or await http_deps(connection).api_keys.is_good(grant.key_id):
        return grant
    return None


async def authenticate_key(connection: HTTPConnection, text: str) -> Grant | None:
    """The grant of a key; None for an invalid one. Wrong keys are counted by client address."""
    return await http_deps(connection).api_keys.authenticate(text, client_address(connection))


async def with_role(deps: HttpDeps, actor: Actor) -> Actor:
    """The actor with their role as a member, if they are one."""
    row = await users.get(deps.queries, actor.user_id)
    if row is None:
        return actor
    role = Role(row.role)
    audits = actor.auditor or (actor.scopes is None and role.at_least(Role.ADMIN))
    return replace(actor, role=role, auditor=audits)


def bearer_token(headers: list[str]) -> str:
    """The token of exactly one well-formed Authorization header; "" for anything else, which is no valid token."""
    scheme, _, text = headers[0].partition(" ")
    return text.strip() if len(headers) == 1 and scheme.lower() == "bearer" else ""


def request_id(connection: HTTPConnection) -> str:
    """The request's id, as the middleware has set it."""
    return str(connection.scope.get("state", {}).get("request_id", ""))


def identity_headers(setting: str | None) -> tuple[str, ...]:
    """The headers in which a proxy names the user, in small letters: the one of the setting, or the default ones."""
    return (setting.lower(),) if setting else DEFAULT_IDENTITY_HEADERS


def has_identity_header(connection: HTTPConnection) -> bool:
    """Whether a header names a user, rightly or not."""
    return any(header in connection.headers for header in (*http_deps(connection).identity_headers, DEV_HEADER))


def name_from_headers(connection: HTTPConnection, deps: HttpDeps) -> str:
    """The name in the identity headers. Raises `Unauthenticated` where it is missing, ambiguous or not trusted."""
    present = [header for header in deps.identity_headers if header in connection.headers]
    if not present and DEV_HEADER in connection.headers and accepts_dev_header(connection, deps):
        present = [DEV_HEADER]
    if not present:
        raise Unauthenticated(how_to_name_the_user(connection, deps))
    if not from_trusted_peer(connection):
        raise Unauthenticated(f"{present[0]} counts only from a trusted proxy (TENURE_TRUSTED_PROXIES)")
    names = {name for header in present for name in connection.headers.getlist(header)}
    if len(names) > 1:
        raise Unauthenticated(f"{' and '.join(present)}: {TWO_NAMES.sentence}")
    try:
        return validate_name(as_utf8(names.pop()), present[0])
    except Invalid as error:
        raise Unauthenticated(str(error)) from None


def accepts_dev_header(connection: HTTPConnection, deps: HttpDeps) -> bool:
    """Whether x-user names the user. Where the setting allows it for every peer, forwarding still rules it out."""
    if deps.dev_header is None:
        return is_local_and_private(connection)
    return deps.dev_header and is_not_forwarded(connection)


def how_to_name_the_user(connection: HTTPConnection, deps: HttpDeps) -> str:
    """The sentence for a request without a credential that counts here."""
    if DEV_HEADER in connection.headers:
        return f"{FORWARDED_NAME.sentence}; sign in, send an API key, or let a proxy send {deps.identity_headers[0]}"
    headers = (*deps.identity_headers, DEV_HEADER) if accepts_dev_header(connection, deps) else deps.identity_headers
    return f"sign in first, or send an API key or the header {' or '.join(headers)}"


def client_address(connection: HTTPConnection) -> str:
    """The client as limits count it: its IPv4 address, or the network of its IPv6 address."""
    address = parse_address(forwarded_address(connection))
    return limited_network(address) if address else ""


def forwarded_address(connection: HTTPConnection) -> str:
    """The client's address: the peer, or the first hop from the right that is no trusted proxy.

    Where X-Forwarded-For and Forwarded name different clients, one of them is likely the client's own invention that
    the proxy has passed on: then neither counts, and the address is the peer's.
    """
    peer = parse_address(connection.client.host) if connection.client else None
    if peer is None:
        return ""
    deps, headers = http_deps(connection), connection.headers
    ways = [
        parse(headers.getlist(name))
        for name, parse in (("x-forwarded-for", parse_x_forwarded_for), ("forwarded", parse_forwarded))
        if name in headers
    ]
    clients = {client_of(peer, hops, lambda hop: is_trusted(hop, deps)) for hops in ways}
    return str(clients.pop() if len(clients) == 1 else peer)


def as_utf8(header: str) -> str:
    """A header's value as UTF-8, if it is that. Servers decode headers as Latin-1, most clients send UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header


def from_trusted_peer(connection: HTTPConnection) -> bool:
    """Whether the peer is a trusted proxy, whose headers count."""
    peer = parse_address(connection.client.host) if connection.client else None
    return peer is not None and is_trusted(peer, http_deps(connection))


def is_trusted(address: Address, deps: HttpDeps) -> bool:
    """Whether an address is in `trusted_proxies`, and in no network of machines that Tenure has lent."""
    if not any(address in network for network in deps.trusted_proxies):
        return False
    return address.is_loopback or not any(address in network for network in deps.own_networks())
