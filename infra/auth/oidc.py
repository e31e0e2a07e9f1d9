"""Sign-in with any OpenID Connect provider, which is found by its issuer (OpenID Connect Core and Discovery 1.0)."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

import httpx
import jwt

from application.ports.logins import PendingSignIn
from application.ports.people import Identity
from infra.auth.oauth import (
    PROVIDER_TIMEOUT_S,
    authorization_url,
    create_client,
    display_name,
    provider_errors,
    read_json,
)

# Asymmetric ones only: with "none" or the client's secret, others than the provider could sign.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CLOCK_SKEW_S = 60
REQUIRED_CLAIMS = ["iss", "sub", "aud", "exp", "iat"]


class OpenID:
    """An OpenID Connect provider: the `Provider` port."""

    def __init__(self, name: str, issuer: str, client_id: str, client_secret: str | None) -> None:
        self._name, self._issuer, self._id, self._secret = name, issuer, client_id, client_secret
        self._metadata: dict[str, Any] | None = None

    async def begin(self, redirect_uri: str, sign_in: PendingSignIn) -> str:
        """Return the URL to send the browser to. Raises `ProviderFailed`."""
        with provider_errors(self._name):
            metadata = await self._discover()
            async with self._client(metadata, redirect_uri) as client:
                return authorization_url(client, metadata["authorization_endpoint"], sign_in, nonce=sign_in.nonce)

    async def finish(self, redirect_uri: str, sign_in: PendingSignIn, code: str) -> Identity:
        """Exchange the code for the person's identity, verified by the ID token. Raises `ProviderFailed`."""
        with provider_errors(self._name):
            metadata = await self._discover()
            async with self._client(metadata, redirect_uri) as client:
                token = await client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=sign_in.verifier)
                claims = await self._verify(metadata, token["id_token"], sign_in.nonce)
                if "email" not in claims and "userinfo_endpoint" in metadata:
                    userinfo = read_json(await client.get(metadata["userinfo_endpoint"]), dict)
                    if userinfo.get("sub") != claims["sub"]:
                        raise ValueError("the user info is about another person")
                    claims = userinfo | claims
            return Identity(
                scheme=self._name,
                subject=claims["sub"],
                name=display_name(claims.get("name"), claims.get("preferred_username"), claims.get("email")),
                email=claims.get("email"),
                email_verified=claims.get("email_verified") is True or claims.get("email_verified") == "true",
                avatar_url=claims.get("picture"),
            )

    def _client(self, metadata: dict[str, Any], redirect_uri: str) -> Any:
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        auth_method = method if self._secret else "none"
        return create_client(self._id, self._secret, auth_method, redirect_uri, "openid email profile")

    async def _discover(self) -> dict[str, Any]:
        """Return the provider's metadata, fetched once."""
        if self._metadata is None:
            metadata = await fetch_json(f"{self._issuer}/.well-known/openid-configuration")
            if metadata["issuer"].rstrip("/") != self._issuer:
                raise ValueError("the metadata names another issuer")
            self._metadata = metadata
        return self._metadata

    async def _verify(self, metadata: dict[str, Any], id_token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token. Raises for one of another provider, client or sign-in."""
        keys = jwt.PyJWKSet.from_dict(await fetch_json(metadata["jwks_uri"])).keys
        kid = jwt.get_unverified_header(id_token).get("kid")
        key = next((key for key in keys if kid is None or key.key_id == kid), None)
        if key is None:
            raise ValueError("the ID token is signed with an unpublished key")
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key,
            algorithms=ALGORITHMS,
            audience=self._id,
            issuer=metadata["issuer"],
            leeway=CLOCK_SKEW_S,
            options={"require": REQUIRED_CLAIMS},
        )
        if not compare_digest(str(claims.get("nonce", "")), nonce):
            raise ValueError("the ID token belongs to another sign-in")
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self._id:
            raise ValueError("the ID token was issued to another client")
        return claims


async def fetch_json(url: str) -> dict[str, Any]:
    """Return the JSON object at this URL. Raises `HTTPError` and `ValueError`."""
    async with httpx.AsyncClient(timeout=PROVIDER_TIMEOUT_S) as client:
        body: dict[str, Any] = read_json(await client.get(url), dict)
        return body
