"""The rules of who is asking, as a table: what every route of every contract refuses before its own rules.

The code that refuses takes status and sentence from here, `docs/generate/identity.py` prints the table, and
`tests/interfaces/http/test_edge_matrix.py` tries each rule on each route.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EdgeRule:
    """A kind of request that is refused wherever it goes."""

    name: str
    refused: str  # which requests
    status: int
    code: str
    sentence: str  # to the client
    reason: str  # what could happen otherwise
    settings: tuple[str, ...] = ()  # that change whom the rule is about


FOREIGN_HOST = EdgeRule(
    name="host",
    refused="the name in `Host` is none of this server's: not localhost, no address, not the host of "
    "`TENURE_PUBLIC_URL`, and not in `TENURE_HOSTS`",
    status=421,
    code="misdirected",
    sentence="this server does not go by the name in Host; whoever runs it can add the name to TENURE_HOSTS",
    reason="a page whose own name was made to lead to this machine could act as its user (DNS rebinding)",
    settings=("TENURE_HOSTS", "TENURE_PUBLIC_URL"),
)
FOREIGN_ORIGIN = EdgeRule(
    name="origin",
    refused="a login cookie authorises a change or a WebSocket, and the page has another scheme, host or port",
    status=403,
    code="forbidden",
    sentence="a page of another origin may not do this; whoever runs the server can add it to TENURE_CORS_ORIGINS",
    reason="a browser sends the cookie along whichever page asks (cross-site request forgery)",
    settings=("TENURE_CORS_ORIGINS", "TENURE_PUBLIC_URL"),
)
FORWARDED_NAME = EdgeRule(
    name="x-user",
    refused="`x-user` names the user, and the request is not local and private",
    status=401,
    code="unauthorized",
    sentence="x-user counts only on a server that is local and private, in requests that no proxy has forwarded",
    reason="anybody can send that header",
    settings=("TENURE_DEV_HEADER", "TENURE_BIND", "TENURE_PUBLIC_URL"),
)
FORWARDED_SIGN_IN = EdgeRule(
    name="dev-sign-in",
    refused="`/auth/dev` is asked for, and the request is not local and private",
    status=404,
    code="not_found",
    sentence="there is nothing at this address",
    reason="there a name alone signs in",
    settings=("TENURE_BIND", "TENURE_PUBLIC_URL"),
)
FORWARDED_PORTAL = EdgeRule(
    name="open-portal",
    refused="a request about workshops has no credential, and is not local and private",
    status=401,
    code="unauthorized",
    sentence="sign in as an instructor: POST /api/auth/login",
    reason="the open portal is for the instructor at this machine",
    settings=("TENURE_PORTAL_AUTH", "TENURE_BIND", "TENURE_PUBLIC_URL"),
)
TWO_NAMES = EdgeRule(
    name="two-names",
    refused="the proxy's identity header comes more than once, or both default ones come, with different names",
    status=401,
    code="unauthorized",
    sentence="the user is named more than once, with different names; set TENURE_IDENTITY_HEADER to the proxy's header",
    reason="one of them may be the client's own, which the proxy has passed on",
    settings=("TENURE_IDENTITY_HEADER",),
)
RULES = (FOREIGN_HOST, FOREIGN_ORIGIN, FORWARDED_NAME, FORWARDED_SIGN_IN, FORWARDED_PORTAL, TWO_NAMES)
