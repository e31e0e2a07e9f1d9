"""Settings of sign-in, invites and API keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from infra.settings.values import Count, Form, Text, url_of


def _validate_provider_name(value: str) -> str:
    if value in ("github", "google", "dev", "me", "status", "logout"):
        raise ValueError("must be a name that is not taken")
    return value


HttpUrl = Annotated[str, url_of("http", "https"), AfterValidator(lambda url: url.rstrip("/"))]
ProviderName = Annotated[
    str, Field(pattern="^[a-z][a-z0-9-]{0,30}$"), AfterValidator(_validate_provider_name), Form("word of small letters")
]


class SignInSettings(BaseSettings):
    """Signing in.

    Part of `infra.settings.Settings`.
    """

    open_signup: bool = Field(False, description="whether anybody who signs in may join as a viewer, without an invite")
    guesses_per_minute: Count = Field(
        20,
        description="wrong API keys, wrong codes, or wrong passwords of one name, that one address may try in a minute",
    )
    accounts_per_hour: Count = Field(
        100, description="accounts for virtual machines that one address may register in an hour"
    )
    github_client_id: Text | None = Field(None, description="sign-in with GitHub: the OAuth app's client id")
    github_client_secret: SecretStr | None = Field(
        None, description="sign-in with GitHub: the OAuth app's client secret"
    )
    github_url: HttpUrl = Field("https://github.com", description="GitHub, or a GitHub Enterprise server")
    github_api_url: HttpUrl = Field(
        "https://api.github.com", description="the API of GitHub or of the GitHub Enterprise"
    )
    google_client_id: Text | None = Field(None, description="sign-in with Google: the client id")
    google_client_secret: SecretStr | None = Field(None, description="sign-in with Google: the client secret")
    google_issuer: HttpUrl = Field("https://accounts.google.com", description="the issuer of Google's identities")
    oidc_issuer: HttpUrl | None = Field(None, description="sign-in with any OpenID Connect provider: its issuer")
    oidc_client_id: Text | None = Field(None, description="sign-in with any OpenID Connect provider: the client id")
    oidc_client_secret: SecretStr | None = Field(
        None, description="sign-in with any OpenID Connect provider: the client secret"
    )
    oidc_name: ProviderName = Field("oidc", description="what that provider is called in /auth/NAME")

    @property
    def sign_in_providers(self) -> tuple[str, ...]:
        """The configured providers, by their name in /auth/NAME."""
        ids = {"github": self.github_client_id, "google": self.google_client_id, self.oidc_name: self.oidc_client_id}
        return tuple(name for name, id in ids.items() if id)
