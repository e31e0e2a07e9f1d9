"""GitHub's endpoints for signing in: authorize, access_token, /user, /user/emails. Everybody is signed in as `user`."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.providers.http import form

ID, SECRET = "Iv1.tenure", "client-secret-of-github"
USER: dict[str, Any] = {"id": 583231, "login": "octocat", "name": "Octo Cat", "avatar_url": "https://a.example/583231"}
MAIN = {"email": "octocat@example.org", "primary": True, "verified": True}
OTHER = {"email": "old@example.org", "primary": False, "verified": True}


@dataclass
class GitHub:
    url: str
    user: dict[str, Any] = field(default_factory=lambda: dict(USER))
    emails: list[dict[str, Any]] = field(default_factory=lambda: [OTHER, MAIN])
    authorizations: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    broken: bool = False

    async def authorize(self, request: Request) -> Response:
        params = dict(request.query_params)
        self.authorizations.append(params)
        code = f"code-{len(self.authorizations)}-secret"
        self.codes[code] = params
        back = urlencode({"code": code, "state": params["state"]})
        return RedirectResponse(f"{params['redirect_uri']}?{back}", 302)

    async def access_token(self, request: Request) -> Response:
        fields = await form(request)
        if self.broken:
            return Response("<html>Unicorn!</html>", 502)
        began = self.codes.pop(fields["code"], None)
        if (fields.get("client_id"), fields.get("client_secret")) != (ID, SECRET):
            return JSONResponse({"error": "incorrect_client_credentials"})  # GitHub says so with 200
        challenge = urlsafe_b64encode(sha256(str(fields.get("code_verifier")).encode()).digest()).rstrip(b"=").decode()
        if began is None or began["redirect_uri"] != fields.get("redirect_uri") or began["code_challenge"] != challenge:
            return JSONResponse({"error": "bad_verification_code"})
        self.tokens.append(f"gho-{len(self.tokens)}-secret")
        return JSONResponse({"access_token": self.tokens[-1], "scope": "read:user,user:email", "token_type": "bearer"})

    async def about(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return JSONResponse({"message": "Bad credentials"}, 401)
        return JSONResponse(self.emails if request.url.path.endswith("/emails") else self.user)


def app(github: GitHub) -> Starlette:
    return Starlette(
        routes=[
            Route("/login/oauth/authorize", github.authorize),
            Route("/login/oauth/access_token", github.access_token, methods=["POST"]),
            Route("/api/v3/user", github.about),
            Route("/api/v3/user/emails", github.about),
        ]
    )
