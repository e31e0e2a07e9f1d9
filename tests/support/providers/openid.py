"""An OpenID Connect provider: authlib's server with discovery, keys, code flow, PKCE and userinfo.

Whoever comes is signed in there already, as `person`. `claims` spoils what the ID token says, `header` its header.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode, UserInfo
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.providers.http import form

ID, SECRET = "tenure", "client-secret-of-the-openid-provider"
ANN: dict[str, Any] = {"sub": "248289", "name": "Ann Example", "email": "Ann@example.org", "email_verified": True}


class ProviderRequest(OAuth2Request):  # type: ignore[misc]
    def __init__(self, method: str, uri: str, args: dict[str, str], form: dict[str, str], headers: Any) -> None:
        super().__init__(method, uri, headers=headers)
        self._parameters = args, form
        self.payload = BasicOAuth2Payload(args | form)

    @property
    def args(self) -> dict[str, str]:
        return self._parameters[0]

    @property
    def form(self) -> dict[str, str]:
        return self._parameters[1]


class Client(ClientMixin):  # type: ignore[misc]
    redirect_uris: tuple[str, ...] = ()

    def get_client_id(self) -> str:
        return ID

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):  # type: ignore[misc]
    code: str
    redirect_uri: str
    scope: str
    person: dict[str, Any]
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    get_acr = get_amr = get_auth_time


@dataclass
class Provider:
    url: str
    person: dict[str, Any] | None = field(default_factory=lambda: dict(ANN))  # None: they say no
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    keys: list[Any] = field(default_factory=lambda: [RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})])
    signs_with: Any = None  # None: the first of its keys
    issuer: str | None = None  # None: its address
    unsigned: bool = False
    authorizations: list[dict[str, str]] = field(default_factory=list)  # what came to the authorization endpoint
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    client: Client = field(default_factory=Client)

    def __post_init__(self) -> None:
        provider = self

        class Server(AuthorizationServer):  # type: ignore[misc]
            def query_client(self, client_id: str) -> Client | None:
                return provider.client if client_id == ID else None

            def save_token(self, token: dict[str, Any], request: Any) -> None:
                provider.tokens[token["access_token"]] = request.user

            def create_oauth2_request(self, request: Any) -> ProviderRequest:
                return request if isinstance(request, ProviderRequest) else ProviderRequest(*request)

            def handle_response(self, status: int, body: Any, headers: Any) -> Response:
                content = json.dumps(body) if isinstance(body, dict) else body
                return Response(content, status, dict(headers))

            def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
                return None

        class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

            def save_authorization_code(self, code: str, request: Any) -> None:
                fields = request.payload.data
                challenge = fields["code_challenge"], fields["code_challenge_method"]  # PKCE is needed here
                stored = Code(
                    code, fields["redirect_uri"], request.scope, request.user, fields.get("nonce"), *challenge
                )
                provider.codes[code] = stored

            def query_authorization_code(self, code: str, client: Client) -> Code | None:
                return provider.codes.get(code)

            def delete_authorization_code(self, authorization_code: Code) -> None:
                del provider.codes[authorization_code.code]

            def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
                return authorization_code.person

        class IdTokens(OpenIDCode):  # type: ignore[misc]
            def exists_nonce(self, nonce: str, request: Any) -> bool:
                return False

            def resolve_client_private_key(self, client: Client) -> Any:
                return provider.signs_with or provider.keys[0]

            def get_client_claims(self, client: Client) -> dict[str, Any]:
                return {"iss": provider.issuer or provider.url, "aud": [ID]}

            def get_encode_header(self, client: Client) -> dict[str, Any]:
                return {"alg": "RS256", "kid": "k1"} | provider.header

            def generate_user_info(self, user: dict[str, Any], scope: str) -> UserInfo:
                assert "openid" in scope and "email" in scope
                return UserInfo(user | provider.claims)

            def encode_id_token(self, token: dict[str, Any], request: Any) -> str:
                signed: str = super().encode_id_token(token, request)
                if not provider.unsigned:
                    return signed
                head = urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
                return f"{head}.{signed.split('.')[1]}."

        self.server = Server(scopes_supported=["openid", "email", "profile"])
        bearer = BearerTokenGenerator(lambda **_: f"at-{len(self.tokens)}-secret")
        self.server.register_token_generator("default", bearer)
        self.server.register_grant(CodeGrant, [CodeChallenge(required=True), IdTokens(require_nonce=True)])

    # -- its addresses -------------------------------------------------------------

    async def discovery(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def jwks(self, request: Request) -> Response:
        return JSONResponse(KeySet(self.keys).as_dict(private=False))

    async def authorize(self, request: Request) -> Response:
        self.authorizations.append(dict(request.query_params))
        grant_request = await read(request)
        try:
            grant = self.server.get_consent_grant(grant_request, end_user=self.person)
        except OAuth2Error as error:
            return JSONResponse(dict(error.get_body()), 400)
        answer: Response = self.server.create_authorization_response(grant_request, grant_user=self.person, grant=grant)
        return answer

    async def token(self, request: Request) -> Response:
        answer: Response = self.server.create_token_response(await read(request))
        return answer

    async def userinfo(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return JSONResponse(self.tokens[token]) if token in self.tokens else JSONResponse({}, 401)


async def read(request: Request) -> ProviderRequest:
    # authlib reads header names as they are usually written.
    headers = {key.title(): value for key, value in request.headers.items()}
    return ProviderRequest(request.method, str(request.url), dict(request.query_params), await form(request), headers)


def app(provider: Provider) -> Starlette:
    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.discovery),
            Route("/jwks", provider.jwks),
            Route("/authorize", provider.authorize),
            Route("/token", provider.token, methods=["POST"]),
            Route("/userinfo", provider.userinfo),
        ]
    )
