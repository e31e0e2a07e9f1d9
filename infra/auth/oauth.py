"""Who people are, by OAuth 2 with an authorization code and PKCE: which providers there are, and GitHub."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
from authlib.deprecate import AuthlibDeprecationWarning
from pydantic import SecretStr

from application.ports.errors import ProviderFailed
from application.ports.logins import PendingSignIn, Provider
from application.ports.people import Identity
from infra.runtime.home import CannotStart
from infra.settings.sign_in import SignInSettings

with warnings.catch_warnings():  # it would rather have httpx2, and says so on every start
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client.errors import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

log = logging.getLogger(__name__)
TIMEOUT = 10.0  # seconds that a provider may take for one answer


def providers(settings: SignInSettings) -> Mapping[str, Provider]:
    """Those that are configured, by their name in /auth/NAME. Raises `CannotStart` for one that is so by half."""
    from infra.auth.oidc import OpenID

    found: dict[str, Provider] = {}
    if pair := both("GITHUB", settings.github_client_id, settings.github_client_secret):
        found["github"] = GitHub(*pair, settings.github_url, settings.github_api_url)
    if pair := both("GOOGLE", settings.google_client_id, settings.google_client_secret):
        found["google"] = OpenID("google", settings.google_issuer, *pair)
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        raise CannotStart("TENURE_OIDC_ISSUER and TENURE_OIDC_CLIENT_ID are needed together.")
    if settings.oidc_issuer and settings.oidc_client_id:
        secret = settings.oidc_client_secret
        name, known = settings.oidc_name, secret.get_secret_value() if secret else None
        found[name] = OpenID(name, settings.oidc_issuer, settings.oidc_client_id, known)
    return found


def both(name: str, id: str | None, secret: SecretStr | None) -> tuple[str, str] | None:
    if id and secret:
        return id, secret.get_secret_value()
    if id or secret:
        raise CannotStart(f"TENURE_{name}_CLIENT_ID and TENURE_{name}_CLIENT_SECRET are needed together.")
    return None


class GitHub:
    """GitHub, or a GitHub Enterprise (C04). It is no OpenID provider: who somebody is, its API tells."""

    def __init__(self, client_id: str, client_secret: str, url: str, api_url: str) -> None:
        self._id, self._secret, self._url, self._api = client_id, client_secret, url, api_url

    def _client(self, redirect_uri: str) -> Any:
        return client(self._id, self._secret, "client_secret_post", redirect_uri, "read:user user:email")

    async def begin(self, redirect_uri: str, sign_in: PendingSignIn) -> str:
        async with self._client(redirect_uri) as there:
            return authorization_url(there, f"{self._url}/login/oauth/authorize", sign_in)

    async def finish(self, redirect_uri: str, sign_in: PendingSignIn, code: str) -> Identity:
        with failing("github"):
            async with self._client(redirect_uri) as there:
                await there.fetch_token(
                    f"{self._url}/login/oauth/access_token", code=code, code_verifier=sign_in.verifier
                )
                user = said(await there.get(f"{self._api}/user"), dict)
                emails = said(await there.get(f"{self._api}/user/emails"), list)
            best = max(emails, key=lambda one: (bool(one["verified"]), bool(one["primary"])), default=None)
            return Identity(
                scheme="github",
                subject=str(int(user["id"])),
                name=named(user.get("name"), user["login"]),
                email=best["email"] if best else None,
                email_verified=best is not None and best["verified"] is True,
                avatar_url=user.get("avatar_url"),
            )


def client(id: str, secret: str | None, auth_method: str, redirect_uri: str, scope: str) -> Any:
    return AsyncOAuth2Client(
        id,
        secret,
        token_endpoint_auth_method=auth_method,
        redirect_uri=redirect_uri,
        scope=scope,
        code_challenge_method="S256",
        timeout=TIMEOUT,
    )


def authorization_url(there: Any, endpoint: str, sign_in: PendingSignIn, **more: str) -> str:
    url, _ = there.create_authorization_url(endpoint, state=sign_in.state, code_verifier=sign_in.verifier, **more)
    return str(url)


def said(answer: httpx.Response, kind: type) -> Any:
    """The JSON of an answer, if it is a success and of this kind."""
    answer.raise_for_status()
    told = answer.json()
    if not isinstance(told, kind):
        raise ValueError("another kind of answer")
    return told


def named(*names: Any) -> str:
    """The first of these that can be shown, cut to what fits a line."""
    shown = ("".join(c for c in name if c.isprintable()).strip() for name in names if isinstance(name, str))
    return next((name[:100] for name in shown if name), "somebody")


@contextmanager
def failing(provider: str) -> Iterator[None]:
    """Whatever goes wrong with a provider is its failure. The log says what, but none of what was sent or came."""
    try:
        yield
    except (OAuthError, httpx.HTTPError, httpx.InvalidURL, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
        because = type(error).__name__ + (f" {error.error}" if isinstance(error, OAuthError) else "")
        log.warning("a sign-in failed at its provider", extra={"provider": provider, "because": because})
        raise ProviderFailed(because) from error
