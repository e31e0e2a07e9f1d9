"""identity.md: the rules of who is asking, from the tables that the server itself refuses by."""

from __future__ import annotations

from docs.generate.markdown import code, document, table
from interfaces.app import CONTRACTS
from interfaces.http.addresses import LIMITED_IPV6_BITS
from interfaces.http.cookies import COOKIE, SAFE_METHODS
from interfaces.http.edge_rules import RULES
from interfaces.http.identity import DEFAULT_IDENTITY_HEADERS, DEV_HEADER
from interfaces.http.local_and_private import CONDITIONS

INTRODUCTION = """
One table decides for every contract, for requests, WebSockets and streams alike, before any rule of a contract.
What each credential may do is in [the security model](../explanation/security-model.md).
"""
REFUSALS = """
A WebSocket is refused in the handshake, with the same status and body. A test tries each of these on every route.
"""
LOCAL_AND_PRIVATE = f"""
While only the people of the machine that Tenure runs on can ask, no credential is needed: `{DEV_HEADER}` names the
user (`TENURE_DEV_HEADER` can switch it off, or on for trusted proxies that forward nothing), `/auth/dev` signs in
with a name alone, workshops have an open portal (`TENURE_PORTAL_AUTH=required` closes it), and workspaces may be
processes of this machine. All of that holds together, or nothing of it. A request is local and private where
"""
HOSTS = """
`localhost`, addresses, the host of `TENURE_PUBLIC_URL`, the host of `TENURE_BIND` where that is a name, and
`TENURE_HOSTS` may be in `Host`, in any case, with any port, and with or without a dot at the end. Without `Host`
only HTTP/1.0 requests are answered, such as those of health checks.
"""
IDENTITY_HEADER = f"""
A trusted proxy names the user in the one header of `TENURE_IDENTITY_HEADER`; no other header counts then. Without
that setting it is {" or ".join(code(name.title().replace("Vm", "VM")) for name in DEFAULT_IDENTITY_HEADERS)}, and a
request with two different names in them is refused. A proxy's header counts before `{DEV_HEADER}`.
"""
ADDRESSES = f"""
The client is the peer, or, where the peer is in `TENURE_TRUSTED_PROXIES`, the first address from the right that is
not. All lines of `X-Forwarded-For` count as one, and `Forwarded` (RFC 7239) counts as well; addresses may have a
port. A hop that is no address ends the search: the client is then the proxy that reported it. Where both headers
come and name different clients, neither counts, and the address is the peer's.

By default loopback is trusted, and nobody once `TENURE_PUBLIC_URL` is set to another host than loopback. The
networks that Tenure makes for its machines are never trusted, whatever the setting says. Limits count an IPv6
network of {LIMITED_IPV6_BITS} bits as one address.
"""
ORIGINS = f"""
With the cookie `{COOKIE}`, every WebSocket and every method but {", ".join(map(code, SAFE_METHODS))} must come from
a page of this server. `Origin` must have the scheme, host and port that the client has called: under the names of
the public URL and of `TENURE_HOSTS` the scheme of the public URL, under an address or localhost `http`. Origins in
`TENURE_CORS_ORIGINS` count as own ones.

Without `Origin`, `Sec-Fetch-Site` must be `same-origin` or `none`, or `Referer` must be a page of this server. A
request with none of the three is accepted: every browser sends `Origin` here, so it is a program that was handed
the cookie.
"""
CORS = """
Pages of any origin may read the answers of these paths, without the browser's credentials: they take a key or a
token that the page itself must have, and neither cookies nor identity headers count there.
"""
LISTED = """
Everything else is read by pages of the origins in `TENURE_CORS_ORIGINS` only, with credentials.
"""


def page() -> str:
    rules = [(rule.refused, str(rule.status), rule.reason, ", ".join(map(code, rule.settings))) for rule in RULES]
    conditions = "\n".join(f"- {condition.sentence}" for condition in CONDITIONS)
    open_paths = [
        (contract.name, code(contract.any_origin)) for contract in CONTRACTS if contract.any_origin != r"(?!)"
    ]
    return document(
        "Who is asking",
        INTRODUCTION,
        "## What is refused everywhere",
        table(("a request is refused where", "status", "since otherwise", "settings"), rules),
        REFUSALS,
        "## Local and private",
        LOCAL_AND_PRIVATE,
        conditions,
        "## Host names",
        HOSTS,
        "## The identity header",
        IDENTITY_HEADER,
        "## Addresses of clients",
        ADDRESSES,
        "## Cookies and origins",
        ORIGINS,
        "## Pages of other origins",
        CORS,
        table(("contract", "paths (regular expression)"), open_paths),
        LISTED,
    )
