"""Sign-in by OAuth 2 with an authorization code (RFC 6749) and PKCE (RFC 7636): the providers, and GitHub."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
from authlib.deprecate import AuthlibDeprecationWarning

from application.ports.errors import ProviderFailed
from application.ports.logins import PendingSignIn
from application.ports.people import Identity
from domain.name import MAX_NAME_CHARS, visible_name

with warnings.catch_warnings():  # authlib warns at every start that it prefers httpx2
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client.errors import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

log = logging.getLogger(__name__)
PROVIDER_TIMEOUT_S = 10.0  # for one answer


class GitHub:
    """GitHub, or a GitHub Enterprise (C04). It is no OpenID provider: its API has the identity."""

    def __init__(self, client_id: str, client_secret: str, url: str, api_url: str) -> None:
        self._id, self._secret, self._url, self._api = client_id, client_secret, url, api_url

    def _client(self, redirect_uri: str) -> Any:
        return create_client(self._id, self._secret, "client_secret_post", redirect_uri, "read:user user:email")

    async def begin(self, redirect_uri: str, sign_in: PendingSignIn) -> str:
        """Return the URL to send the browser to."""
        async with self._client(redirect_uri) as client:
            return authorization_url(client, f"{self._url}/login/oauth/authorize", sign_in)

    async def finish(self, redirect_uri: str, sign_in: PendingSignIn, code: str) -> Identity:
        """Exchange the code for the person's identity. Raises `ProviderFailed`."""
        with provider_errors("github"):
            async with self._client(redirect_uri) as client:
                await client.fetch_token(
                    f"{self._url}/login/oauth/access_token", code=code, code_verifier=sign_in.verifier
                )
                user = read_json(await client.get(f"{self._api}/user"), dict)
                emails = read_json(await client.get(f"{self._api}/user/emails"), list)
            best = max(emails, key=lambda email: (bool(email["verified"]), bool(email["primary"])), default=None)
            return Identity(
                scheme="github",
                subject=str(int(user["id"])),
                name=display_name(user.get("name"), user["login"]),
                email=best["email"] if best else None,
                email_verified=best is not None and best["verified"] is True,
                avatar_url=user.get("avatar_url"),
            )


def create_client(id: str, secret: str | None, auth_method: str, redirect_uri: str, scope: str) -> Any:
    """Return an OAuth client for one sign-in; an asynchronous context manager."""
    return AsyncOAuth2Client(
        id,
        secret,
        token_endpoint_auth_method=auth_method,
        redirect_uri=redirect_uri,
        scope=scope,
        code_challenge_method="S256",
        timeout=PROVIDER_TIMEOUT_S,
    )


def authorization_url(client: Any, endpoint: str, sign_in: PendingSignIn, nonce: str | None = None) -> str:
    """Return the URL of the provider's page; with a nonce for OpenID Connect."""
    parameters = {"nonce": nonce} if nonce else {}
    url, _ = client.create_authorization_url(
        endpoint, state=sign_in.state, code_verifier=sign_in.verifier, **parameters
    )
    return str(url)


def read_json(response: httpx.Response, kind: type) -> Any:
    """Return the JSON of a response. Raises `HTTPStatusError` for an error, `ValueError` if it is not of this kind."""
    response.raise_for_status()
    body = response.json()
    if not isinstance(body, kind):
        raise ValueError(f"the body is not a {kind.__name__}")
    return body


def display_name(*names: Any) -> str:
    """Return the first of these that has visible characters, in the one form of names; "somebody" if none has."""
    visible = (visible_name(name) for name in names if isinstance(name, str))
    return next((name[:MAX_NAME_CHARS].rstrip() for name in visible if name), "somebody")


@contextmanager
def provider_errors(provider: str) -> Iterator[None]:
    """Turn every error in the block into `ProviderFailed`. The log gets its type, but no data sent or received."""
    try:
        yield
    except (OAuthError, httpx.HTTPError, httpx.InvalidURL, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
        because = type(error).__name__ + (f" {error.error}" if isinstance(error, OAuthError) else "")
        log.warning("sign-in failed at the provider", extra={"provider": provider, "because": because})
        raise ProviderFailed(because) from error
