"""Signing in through real providers over real HTTP, and every way in which it is refused."""

from __future__ import annotations

from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.contracts.chrote.conftest import configured
from tests.contracts.chrote.people import browser, owning
from tests.contracts.chrote.test_users import me
from tests.support.providers.github import GitHub
from tests.support.providers.openid import ANN, Provider
from tests.support.server import Served, served

KINDS = ["github", "google", "campus"]


def query(url: str) -> dict[str, str]:
    return {key: value for key, (value,) in parse_qs(urlsplit(url).query).items()}


async def begin(client: httpx.AsyncClient, path: str) -> str:
    """Go to the provider and approve there. Returns the address of the callback that the provider redirects to."""
    away = await client.get(path)
    assert away.status_code == 302
    back = await client.get(away.headers["location"])
    assert back.status_code == 302, back.text
    address: str = back.headers["location"]
    return address


async def come(client: httpx.AsyncClient, path: str) -> str:
    """Sign in from start to end. Returns the path that the callback redirects to."""
    answer = await client.get(await begin(client, path))
    assert answer.status_code == 302, answer.text
    location: str = answer.headers["location"]
    return location


def login_cookie(answer: httpx.Response) -> Any:
    """The login cookie that the answer sets, with its attributes."""
    (header,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith("tenure_login=")]
    return SimpleCookie(header)["tenure_login"]


@pytest.mark.line("C04", "C07")
async def test_github_is_asked_for_who_they_are_and_their_emails(with_providers: Served, github: GitHub) -> None:
    async with browser(with_providers) as client:
        away = await client.get("/auth/github")
        assert away.status_code == 302
        assert away.headers["location"].startswith(f"{github.url}/login/oauth/authorize?")
        params = query(away.headers["location"])
        assert params["scope"] == "read:user user:email"
        assert params["redirect_uri"] == f"{with_providers.url}/auth/github/callback"
        assert params["code_challenge_method"] == "S256" and len(params["state"]) >= 40
        assert (await client.get("/auth/github")).headers["location"] != away.headers["location"]


@pytest.mark.line("C05", "C07")
@pytest.mark.fault("F76")
async def test_google_is_asked_with_a_state_a_nonce_and_a_challenge(with_providers: Served, openid: Provider) -> None:
    async with browser(with_providers) as client:
        away = await client.get("/api/auth/google")
        assert away.headers["location"].startswith(f"{openid.url}/authorize?")
        params = query(away.headers["location"])
        assert params["redirect_uri"] == f"{with_providers.url}/api/auth/google/callback"
        assert params["scope"] == "openid email profile" and params["response_type"] == "code"
        assert len({params["state"], params["nonce"], params["code_challenge"]}) == 3


@pytest.mark.line("C01", "C02", "C06", "C08", "C10")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mount", ["/auth", "/api/auth"])
async def test_the_whole_way_ends_signed_in(with_providers: Served, kind: str, mount: str) -> None:
    async with browser(with_providers) as client:
        answer = await client.get(await begin(client, f"{mount}/{kind}{owning(with_providers)}"))
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
        cookie = login_cookie(answer)
        assert cookie["httponly"] and cookie["samesite"].lower() == "lax" and cookie["path"] == "/"
        assert not cookie["secure"] and int(cookie["max-age"]) == 30 * 86_400

        account = await me(client)
        name, email = ("Octo Cat", "octocat@example.org") if kind == "github" else (ANN["name"], ANN["email"])
        assert (account["name"], account["email"], account["role"]) == (name, email, "owner")
        assert {"id", "avatarUrl", "createdAt"} <= set(account)
        assert (await client.get("/api/users")).status_code == 200
        assert (await client.get("/api/v1/audit/events")).status_code == 200


@pytest.mark.line("C10", "C64")
async def test_who_one_is_is_told_flat_and_under_user(with_providers: Served) -> None:
    async with browser(with_providers) as client:
        await come(client, f"/auth/github{owning(with_providers)}")
        for mount in ("/auth", "/api/auth"):
            body = (await client.get(f"{mount}/me")).json()
            user = body.pop("user")
            assert body == user
            assert user["avatarUrl"] == user["avatar_url"] == "https://a.example/583231"
            assert user["createdAt"] == user["created_at"] and user["last_seen_at"]


@pytest.mark.line("C64")
async def test_the_page_is_told_which_buttons_to_show(with_providers: Served, tenure: Served) -> None:
    async with browser(with_providers) as client, browser(tenure) as plain:
        body = (await client.get("/api/auth/status")).json()
        assert body == {"providers": {"github": True, "google": True, "campus": True}, "dev": False}
        body = (await plain.get("/api/auth/status")).json()
        assert body == {"providers": {"github": False, "google": False}, "dev": True}
        for kind in ("github", "google", "oidc"):
            for path in (f"/auth/{kind}", f"/auth/{kind}/callback", f"/api/auth/{kind}"):
                assert (await plain.get(path)).status_code == 404
        assert (await client.get("/auth/dev", params={"name": "Eve"})).status_code == 404


@pytest.mark.line("C07")
@pytest.mark.parametrize("kind", ["github", "google"])
async def test_a_state_that_is_not_this_browsers_own_is_refused(with_providers: Served, kind: str) -> None:
    async with browser(with_providers) as client, browser(with_providers) as other:
        address = await begin(client, f"/auth/{kind}{owning(with_providers)}")
        code = query(address)["code"]
        callback = f"/auth/{kind}/callback"
        other_kind = address.replace(kind, "google" if kind == "github" else "github")
        for wrong in (
            await client.get(callback, params={"code": code}),
            await client.get(callback, params={"code": code, "state": "wrong"}),
            await client.get(callback, params={"code": code, "state": "\0"}),
            await client.get(callback),
            await client.get(other_kind),
            await other.get(address),  # somebody is sent along an address that was made for another
        ):
            assert (wrong.status_code, wrong.headers["location"]) == (302, "/?error=invalid_state")
            assert "tenure_login" not in wrong.headers.get("set-cookie", "")
        assert (await client.get(address)).headers["location"] == "/"


@pytest.mark.line("C07")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_way_back_is_good_once(with_providers: Served, kind: str) -> None:
    async with browser(with_providers) as client:
        address = await begin(client, f"/auth/{kind}{owning(with_providers)}")
        cookies = dict(client.cookies)
        assert (await client.get(address)).headers["location"] == "/"
        again = await client.get(address, headers={"cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())})
        assert again.headers["location"] == "/?error=invalid_state"


@pytest.mark.line("C06", "C08")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_code_that_was_used_or_made_up_signs_nobody_in(with_providers: Served, kind: str) -> None:
    async with browser(with_providers) as client:
        address = await begin(client, f"/auth/{kind}{owning(with_providers)}")
        used = query(address)["code"]
        await client.get(address)
        await client.post("/auth/logout")
        for code in (used, "made-up", ""):
            state = query(await begin(client, f"/auth/{kind}"))["state"]
            back = await client.get(f"/auth/{kind}/callback", params={"code": code, "state": state})
            assert back.headers["location"] == "/?error=oauth_failed"
        assert (await client.get("/auth/me")).status_code == 401


@pytest.mark.parametrize("kind", KINDS)
async def test_a_code_is_worth_nothing_without_the_verifier_of_who_began(with_providers: Served, kind: str) -> None:
    async with browser(with_providers) as client, browser(with_providers) as thief:
        stolen = query(await begin(client, f"/auth/{kind}"))["code"]
        state = query(await begin(thief, f"/auth/{kind}"))["state"]
        back = await thief.get(f"/auth/{kind}/callback", params={"code": stolen, "state": state})
        assert back.headers["location"] == "/?error=oauth_failed"


@pytest.mark.line("C06")
async def test_github_without_a_verified_email_is_refused(with_providers: Served, github: GitHub) -> None:
    async with browser(with_providers) as client:
        github.emails = []
        assert await come(client, "/auth/github") == "/?error=no_email"
        github.emails = [{"email": "x@example.org", "primary": True, "verified": False}]
        assert await come(client, "/auth/github") == "/?error=email_not_verified"
        github.emails.append({"email": "y@example.org", "primary": False, "verified": True})
        assert await come(client, f"/auth/github{owning(with_providers)}") == "/"
        assert (await me(client))["email"] == "y@example.org"


@pytest.mark.line("C08")
async def test_an_openid_without_a_verified_email_is_refused(with_providers: Served, openid: Provider) -> None:
    async with browser(with_providers) as client:
        openid.person = {"sub": "1", "name": "Ann"}
        assert await come(client, "/auth/google") == "/?error=no_email"
        for verified in (False, None, "false", 1, "yes"):
            openid.person = ANN | {"email_verified": verified}
            assert await come(client, "/auth/google") == "/?error=email_not_verified"
        async with with_providers.tenure.pool.connection() as conn:
            assert await (await conn.execute("select from profiles")).fetchone() is None


SPOILED: dict[str, dict[str, Any]] = {
    "for another client": {"claims": {"aud": ["another"]}},
    "for several, and not for us": {"claims": {"aud": ["tenure", "another"]}},
    "by another issuer": {"issuer": "https://elsewhere.example"},
    "of yesterday": {"claims": {"exp": 1_000_000_000}},
    "answering another question": {"claims": {"nonce": "another"}},
    "without a nonce": {"claims": {"nonce": None}},
    "signed by somebody else": {"signs_with": RSAKey.generate_key(2048)},
    "with a key that nobody knows": {"header": {"kid": "k2"}},
    "unsigned": {"unsigned": True},
}


@pytest.mark.line("C08")
@pytest.mark.parametrize("defect", SPOILED)
async def test_an_id_token_that_cannot_be_believed_signs_nobody_in(
    with_providers: Served, openid: Provider, defect: str
) -> None:
    for name, value in SPOILED[defect].items():
        setattr(openid, name, value)
    async with browser(with_providers) as client:
        assert await come(client, "/auth/google") == "/?error=oauth_failed"
        assert (await client.get("/auth/me")).status_code == 401


async def test_what_the_id_token_leaves_out_is_asked_for(with_providers: Served, openid: Provider) -> None:
    async with browser(with_providers) as client:
        assert openid.person
        openid.claims = {"email": None, "email_verified": None}
        assert await come(client, "/auth/google") == "/?error=no_email"  # it said so: there is none
        openid.person, openid.claims = ANN | {"sub": "7"}, {}
        assert await come(client, f"/auth/google{owning(with_providers)}") == "/"


@pytest.mark.line("C06")
async def test_who_says_no_at_the_provider_comes_back_with_a_reason(with_providers: Served, openid: Provider) -> None:
    async with browser(with_providers) as client:
        openid.person = None
        address = await begin(client, "/auth/google")
        assert query(address)["error"] == "access_denied"
        assert (await client.get(address)).headers["location"] == "/?error=oauth_failed"


@pytest.mark.line("C06")
async def test_a_provider_that_is_broken_or_away_is_a_reason_and_no_error(
    with_providers: Served, github: GitHub, openid: Provider, database: str, tmp_path: Path
) -> None:
    async with browser(with_providers) as client:
        github.broken = True
        assert await come(client, "/auth/github") == "/?error=oauth_failed"
        github.broken, github.user = False, {"message": "odd"}
        assert await come(client, "/auth/github") == "/?error=oauth_failed"


async def test_an_issuer_that_speaks_for_another_is_not_believed(
    database: str, tmp_path: Path, openid: Provider, github: GitHub
) -> None:
    settings = configured(openid, github) | {"google_issuer": openid.url.replace("127.0.0.1", "localhost")}
    async with served(database, tmp_path, **settings) as tenure, browser(tenure) as client:
        assert (await client.get("/auth/google")).headers["location"] == "/?error=oauth_failed"
