"""Admission through a provider: who is let in, with which role, and to which account."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from application.ports.people import Identity
from tests.contracts.chrote.conftest import configured
from tests.contracts.chrote.people import browser, invited, owning
from tests.contracts.chrote.test_sign_in import begin, come, login_cookie
from tests.contracts.chrote.test_users import me
from tests.support.ports import free_port
from tests.support.providers.github import GitHub
from tests.support.providers.openid import ANN, Provider
from tests.support.server import Served, served


@pytest.mark.line("C02", "C64")
async def test_an_invite_is_remembered_over_the_redirect(
    with_providers: Served, openid: Provider, github: GitHub
) -> None:
    async with browser(with_providers) as olga, browser(with_providers) as ann, browser(with_providers) as late:
        assert await come(olga, f"/auth/github{owning(with_providers)}") == "/"
        assert await come(ann, "/auth/google") == "/?error=invite_required"
        assert await come(ann, "/auth/google?invite=AbCdEfGh12345678") == "/?error=invalid_invite"
        token = await invited(olga, "operator", max_uses=1)
        assert await come(ann, f"/api/auth/google?invite={token}") == "/"
        assert (await me(ann))["role"] == "operator"
        assert await come(ann, f"/auth/google?invite={token}") == "/"  # a member needs none
        openid.person = {"sub": "late", "email": "late@example.org", "email_verified": True}
        assert await come(late, f"/auth/google?invite={token}") == "/?error=invite_exhausted"
        (invite,) = (await olga.get("/api/invites")).json()["invites"]
        assert invite["usedCount"] == 1


async def test_where_it_is_open_anybody_comes_in_as_a_viewer(
    database: str, tmp_path: Path, openid: Provider, github: GitHub
) -> None:
    async with (
        served(database, tmp_path, **configured(openid, github), open_signup=True) as tenure,
        browser(tenure) as first,
        browser(tenure) as second,
    ):
        openid.client.redirect_uris = (f"{tenure.url}/auth/google/callback",)
        assert await come(first, f"/auth/github{owning(tenure)}") == await come(second, "/auth/google") == "/"
        assert [(await me(one))["role"] for one in (first, second)] == ["owner", "viewer"]


async def test_the_same_verified_email_is_the_same_person(
    with_providers: Served, openid: Provider, github: GitHub
) -> None:
    async with browser(with_providers) as client, browser(with_providers) as other:
        assert openid.person
        openid.person["email"] = "OCTOCAT@example.org"
        assert await come(client, f"/auth/github{owning(with_providers)}") == "/"
        assert await come(other, "/auth/google") == "/"
        assert (await me(client))["id"] == (await me(other))["id"]
        openid.person["email"] = "new@example.org"  # known by who they are there, whatever their address
        assert await come(other, "/auth/google") == "/"
        assert (await me(client))["id"] == (await me(other))["id"]


async def test_only_an_email_that_was_verified_is_somebodys(tenure: Served) -> None:
    profiles = tenure.tenure.deps.http.profiles
    ann = await profiles.save(Identity("google", "1", "Ann", "ann@example.org", email_verified=True))
    claims_to_be = Identity("other", "2", "Eve", "ann@example.org")
    assert await profiles.find_user(claims_to_be) is None
    assert await profiles.save(claims_to_be) != ann
    assert await profiles.save(Identity("github", "3", "A", "ANN@example.org", email_verified=True)) == ann
    eve = Identity("other", "2", "Eve", "ann@example.org", email_verified=True)  # later, by who is known already
    assert await profiles.save(eve) != ann
    assert await profiles.find_user(Identity("campus", "4", "A", "ann@example.org", email_verified=True)) == ann


@pytest.mark.fault("F4")
async def test_another_subject_of_one_provider_is_another_person(with_providers: Served, openid: Provider) -> None:
    async with browser(with_providers) as client, browser(with_providers) as other:
        openid.person = ANN | {"sub": "A"}
        assert await come(client, f"/auth/google{owning(with_providers)}") == "/"
        openid.person = ANN | {"sub": "B", "email": ANN["email"].upper()}
        assert await come(other, "/auth/google") == "/?error=invite_required"
        assert await come(other, f"/auth/google?invite={await invited(client)}") == "/"
        assert (await me(client))["id"] != (await me(other))["id"]
        assert [(await me(one))["role"] for one in (client, other)] == ["owner", "viewer"]
        assert await come(other, "/auth/campus") == "/", "the address of the first links another provider to the first"
        assert (await me(client))["id"] == (await me(other))["id"]


@pytest.mark.fault("F4")
@pytest.mark.parametrize("now", [{"email_verified": False}, {"email": None, "email_verified": None}])
async def test_an_email_that_is_verified_no_longer_links_nobody(
    with_providers: Served, openid: Provider, github: GitHub, now: dict[str, object]
) -> None:
    async with browser(with_providers) as client, browser(with_providers) as other:
        openid.person = ANN | {"email": "octocat@example.org"}
        assert await come(client, f"/auth/google{owning(with_providers)}") == "/"
        openid.person = {key: value for key, value in (openid.person | now).items() if value is not None}
        assert (await come(client, "/auth/google")).startswith("/?error=")
        assert await come(other, "/auth/github") == "/?error=invite_required"


@pytest.mark.fault("F4")
async def test_an_email_that_has_changed_links_nobody(with_providers: Served, openid: Provider) -> None:
    async with browser(with_providers) as client, browser(with_providers) as other:
        openid.person = ANN | {"email": "octocat@example.org"}
        assert await come(client, f"/auth/google{owning(with_providers)}") == "/"
        openid.person = ANN | {"email": "ann@example.org"}
        assert await come(client, "/auth/google") == "/"
        assert await come(other, "/auth/github") == "/?error=invite_required"


async def test_an_unverified_email_links_nobody(with_providers: Served, openid: Provider) -> None:
    async with browser(with_providers) as client, browser(with_providers) as thief:
        assert await come(client, f"/auth/github{owning(with_providers)}") == "/"
        openid.person = {"sub": "thief", "email": "octocat@example.org", "email_verified": False}
        assert await come(thief, "/auth/google") == "/?error=email_not_verified"


async def test_of_two_who_come_first_one_owns_the_place(
    with_providers: Served, openid: Provider, github: GitHub
) -> None:
    async with browser(with_providers) as one, browser(with_providers) as two:
        own = owning(with_providers)
        addresses = [await begin(one, f"/auth/github{own}"), await begin(two, f"/auth/google{own}")]
        answers = await asyncio.gather(one.get(addresses[0]), two.get(addresses[1]))
        assert sorted(answer.headers["location"] for answer in answers) == ["/", "/?error=invalid_invite"]
        inside = one if answers[0].headers["location"] == "/" else two
        assert [user["role"] for user in (await inside.get("/api/users")).json()["users"]] == ["owner"]


async def test_an_encrypted_place_gives_its_cookies_to_encrypted_requests_only(
    database: str, tmp_path: Path, openid: Provider, github: GitHub
) -> None:
    settings = configured(openid, github) | {"public_url": "https://lab.example.org"}
    async with served(database, tmp_path, **settings) as tenure, browser(tenure) as client:
        away = await client.get(f"/auth/github{owning(tenure)}")
        assert "Secure" in away.headers["set-cookie"]
        back = urlsplit((await client.get(away.headers["location"])).headers["location"])
        assert back.netloc == "lab.example.org"
        answer = await client.get(
            f"{back.path}?{back.query}", headers={"cookie": away.headers["set-cookie"].partition(";")[0]}
        )
        assert login_cookie(answer)["secure"]


@pytest.mark.fault("F53")
async def test_a_place_below_a_path_signs_people_in_there(
    database: str, tmp_path: Path, openid: Provider, github: GitHub
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/lab"
    settings = configured(openid, github) | {"public_url": url}
    async with served(database, tmp_path, port=port, **settings) as tenure, browser(tenure) as client:
        openid.client.redirect_uris = (f"{url}/auth/google/callback",)
        for kind in ("github", "google"):
            callback = await begin(client, f"/lab/auth/{kind}{owning(tenure) if kind == 'github' else ''}")
            assert callback.startswith(f"{url}/auth/{kind}/callback?")
            answer = await client.get(callback)
            assert answer.headers["location"] in ("/lab/", "/lab/?error=invite_required")
            if kind == "github":
                assert login_cookie(answer)["path"] == "/lab"
                assert (await client.get("/lab/auth/me")).json()["role"] == "owner"
        assert (await client.get("/lab/auth/github/callback?state=x&code=y")).headers["location"] == (
            "/lab/?error=invalid_state"
        )
