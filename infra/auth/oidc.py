"""Who people are, by any OpenID Connect provider: found by its issuer, believed by its signature."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

import httpx
import jwt

from application.ports.logins import PendingSignIn
from application.ports.people import Identity
from infra.auth.oauth import TIMEOUT, authorization_url, client, failing, named, said

# Signed with a key of the provider's own: never "none", never with the client's secret.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY = 60  # seconds that clocks may differ
NEEDED = ["iss", "sub", "aud", "exp", "iat"]


class OpenID:
    """A provider, as `Provider`."""

    def __init__(self, name: str, issuer: str, client_id: str, client_secret: str | None) -> None:
        self._name, self._issuer, self._id, self._secret = name, issuer, client_id, client_secret
        self._told: dict[str, Any] | None = None

    async def begin(self, redirect_uri: str, sign_in: PendingSignIn) -> str:
        with failing(self._name):
            told = await self._discover()
            async with self._client(told, redirect_uri) as there:
                return authorization_url(there, told["authorization_endpoint"], sign_in, nonce=sign_in.nonce)

    async def finish(self, redirect_uri: str, sign_in: PendingSignIn, code: str) -> Identity:
        with failing(self._name):
            told = await self._discover()
            async with self._client(told, redirect_uri) as there:
                token = await there.fetch_token(told["token_endpoint"], code=code, code_verifier=sign_in.verifier)
                claims = await self._verified(told, token["id_token"], sign_in.nonce)
                if "email" not in claims and "userinfo_endpoint" in told:
                    more = said(await there.get(told["userinfo_endpoint"]), dict)
                    if more.get("sub") != claims["sub"]:
                        raise ValueError("told about somebody else")
                    claims = more | claims
            return Identity(
                scheme=self._name,
                subject=claims["sub"],
                name=named(claims.get("name"), claims.get("preferred_username"), claims.get("email")),
                email=claims.get("email"),
                email_verified=claims.get("email_verified") is True or claims.get("email_verified") == "true",
                avatar_url=claims.get("picture"),
            )

    def _client(self, told: dict[str, Any], redirect_uri: str) -> Any:
        methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return client(self._id, self._secret, method if self._secret else "none", redirect_uri, "openid email profile")

    async def _discover(self) -> dict[str, Any]:
        """What it says of itself; asked once."""
        if self._told is None:
            told = await fetched(f"{self._issuer}/.well-known/openid-configuration")
            if told["issuer"].rstrip("/") != self._issuer:
                raise ValueError("speaks for another issuer")
            self._told = told
        return self._told

    async def _verified(self, told: dict[str, Any], id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that it has signed, for us, in answer to this very question."""
        keys = jwt.PyJWKSet.from_dict(await fetched(told["jwks_uri"])).keys
        kid = jwt.get_unverified_header(id_token).get("kid")
        key = next((key for key in keys if kid is None or key.key_id == kid), None)
        if key is None:
            raise ValueError("signed with a key that it does not show")
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key,
            algorithms=ALGORITHMS,
            audience=self._id,
            issuer=told["issuer"],
            leeway=LEEWAY,
            options={"require": NEEDED},
        )
        if not compare_digest(str(claims.get("nonce", "")), nonce):
            raise ValueError("answers another question")
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self._id:
            raise ValueError("was made for another client")
        return claims


async def fetched(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=TIMEOUT) as there:
        told: dict[str, Any] = said(await there.get(url), dict)
        return told
