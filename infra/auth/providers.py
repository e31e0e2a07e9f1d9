"""The identity providers that the settings configure."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from application.ports.logins import Provider
from infra.auth.oauth import GitHub
from infra.auth.oidc import OpenID
from infra.runtime.home import CannotStart
from infra.settings.sign_in import SignInSettings


def providers(settings: SignInSettings) -> Mapping[str, Provider]:
    """Return the configured providers by their name in /auth/NAME. Raises `CannotStart` for a half configured one."""
    providers: dict[str, Provider] = {}
    if pair := id_and_secret("GITHUB", settings.github_client_id, settings.github_client_secret):
        providers["github"] = GitHub(*pair, settings.github_url, settings.github_api_url)
    if pair := id_and_secret("GOOGLE", settings.google_client_id, settings.google_client_secret):
        providers["google"] = OpenID("google", settings.google_issuer, *pair)
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        raise CannotStart("TENURE_OIDC_ISSUER and TENURE_OIDC_CLIENT_ID are needed together.")
    if settings.oidc_issuer and settings.oidc_client_id:
        secret = settings.oidc_client_secret
        name, secret_text = settings.oidc_name, secret.get_secret_value() if secret else None
        providers[name] = OpenID(name, settings.oidc_issuer, settings.oidc_client_id, secret_text)
    return providers


def id_and_secret(name: str, id: str | None, secret: SecretStr | None) -> tuple[str, str] | None:
    """Return both in plain, or None if neither is set. Raises `CannotStart` if one of the two is missing."""
    if id and secret:
        return id, secret.get_secret_value()
    if id or secret:
        raise CannotStart(f"TENURE_{name}_CLIENT_ID and TENURE_{name}_CLIENT_SECRET are needed together.")
    return None
