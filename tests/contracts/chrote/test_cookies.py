"""The login cookie: how long it lasts, what ends it, and which origins may use it."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from application.logins import LASTS
from infra.runtime.clock import utc_now
from infra.tables.logins import LoginTokenRows
from tests.contracts.chrote.people import browser, invited, member, owning, refused, sign_in
from tests.contracts.chrote.test_users import me
from tests.support.providers.github import SECRET, GitHub
from tests.support.providers.openid import SECRET as OPENID_SECRET
from tests.support.server import Served, served

COOKIE = "tenure_login"
STRANGER = "https://evil.example"


@pytest.mark.line("C09")
async def test_signing_out_ends_this_login_and_no_other(tenure: Served) -> None:
    async with member(tenure, "Ann") as laptop, member(tenure, "Ann") as phone:
        cookie = laptop.cookies[COOKIE]
        answer = await laptop.post("/auth/logout")
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert COOKIE not in laptop.cookies
        refused(await laptop.get("/auth/me", headers={"cookie": f"{COOKIE}={cookie}"}), 401, "UNAUTHORIZED")
        assert (await me(phone))["name"] == "Ann"
        assert (await laptop.post("/api/auth/logout")).json() == {"success": True}


@pytest.mark.line("C09")
async def test_no_other_page_signs_anybody_out_or_acts_for_them(tenure: Served) -> None:
    async with member(tenure, "Ann") as ann:
        for origin in (STRANGER, "null", "http://127.0.0.1:1", ""):
            foreign = {"origin": origin}
            refused(await ann.post("/auth/logout", headers=foreign), 403, "FORBIDDEN")
            refused(await ann.post("/api/invites", headers=foreign), 403, "FORBIDDEN")
        assert (await ann.get("/auth/logout")).status_code in (404, 405)
        assert (await me(ann))["name"] == "Ann"
        assert (await ann.post("/api/invites", headers={"origin": tenure.url})).status_code == 201
        assert (await ann.post("/auth/logout", headers={"origin": tenure.url})).status_code == 200


async def test_a_listed_origin_may(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, cors_origins=["https://desk.example"]) as tenure, member(tenure, "A") as ann:
        assert (await ann.post("/api/invites", headers={"origin": "https://desk.example"})).status_code == 201
        refused(await ann.post("/api/invites", headers={"origin": STRANGER}), 403, "FORBIDDEN")


async def test_a_login_lasts_on_while_it_is_used_and_ends_when_it_is_not(tenure: Served) -> None:
    cookies, start = LoginTokenRows(tenure.tenure.pool), utc_now()
    async with member(tenure, "Ann") as ann:
        token = ann.cookies[COOKIE]
        used_at = start + LASTS - timedelta(hours=1)
        assert await cookies.find(token, used_at, LASTS)  # and from then on for another 30 days
        assert await cookies.find(token, used_at + LASTS - timedelta(minutes=2), LASTS)
        assert await cookies.find(token, used_at + 2 * LASTS, LASTS) is None


async def test_whose_page_asks_keeps_the_cookie(tenure: Served) -> None:
    async with member(tenure, "Ann") as ann:
        again = (await ann.get("/auth/me")).headers["set-cookie"]
        assert f"{COOKIE}={ann.cookies[COOKIE]};" in again and f"Max-Age={30 * 86_400}" in again


async def test_signing_in_anew_ends_the_login_before(tenure: Served) -> None:
    async with member(tenure, "Ann") as ann:
        before = ann.cookies[COOKIE]
        await sign_in(ann, "Ann")
        assert ann.cookies[COOKIE] != before
        refused(await ann.get("/auth/me", headers={"cookie": f"{COOKIE}={before}"}), 401, "UNAUTHORIZED")


async def test_a_name_alone_signs_in_only_where_nobody_else_can_ask(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path) as tenure, browser(tenure) as client:
        elsewhere = await client.get("/auth/dev", params={"name": "Eve"}, headers={"host": "evil.example"})
        refused(elsewhere, 421, "MISDIRECTED", "TENURE_HOSTS")
        across = await client.get("/auth/dev", params={"name": "Eve"}, headers={"sec-fetch-site": "cross-site"})
        refused(across, 403, "FORBIDDEN")
        for wrong in ({}, {"name": ""}, {"name": "a\nb"}, {"name": "x" * 101}):
            refused(await client.get("/auth/dev", params=wrong), 400, "VALIDATION_ERROR")


async def test_the_cookie_also_counts_for_the_history_of_the_place(tenure: Served) -> None:
    async with member(tenure, "Olga") as olga, member(tenure, "Vera", await invited(olga)) as vera:
        everything = (await olga.get("/api/v1/audit/events")).json()["events"]
        assert [event["kind"] for event in everything] == [
            "place.founded",
            "user.joined",
            "vm_account.opened",
            "vm_administrators.founded",
            "vm_administrators.appointed",
            "invite.created",
            "user.joined",
            "invite.accepted",
        ]
        assert [event["by_name"] for event in everything] == ["Olga"] * 6 + ["Vera"] * 2
        own = (await vera.get("/api/v1/audit/events")).json()["events"]
        assert [event["kind"] for event in own] == ["user.joined"]
        refused_here = await vera.get("/api/v1/workspaces", headers={"cookie": f"{COOKIE}=wrong"})
        assert refused_here.status_code == 401
        assert list(refused_here.json()) == ["error"]  # in the words of vm-api


async def test_no_secret_is_in_the_log_in_the_events_or_readable_in_the_database(
    with_providers: Served, github: GitHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with browser(with_providers) as client:
        away = await client.get(f"/auth/github{owning(with_providers)}")
        back = await client.get(away.headers["location"])
        attempt = client.cookies["tenure_sign_in"]
        await client.get(back.headers["location"])
        login, token = client.cookies[COOKIE], await invited(client)
        await client.get(f"/api/invites/{token}/validate")
        await client.get(f"/invite/{token}")
        await client.get("/auth/google/callback", params={"code": "made-up-secret", "state": "made-up-state"})
        state, code = github.authorizations[0]["state"], "code-1-secret"
        secrets = {attempt, login, token, state, code, github.tokens[0], SECRET, OPENID_SECRET, "made-up-secret"}
    people = {"Octo Cat", "octocat@example.org", "583231"}
    log_lines = [f"{record.getMessage()} {vars(record)}" for record in caplog.records if is_our_record(record)]
    assert log_lines, "it logs"
    async with with_providers.tenure.pool.connection() as conn:
        events = str(await (await conn.execute("select topic, state from tenure_events")).fetchall())
        tables = await (await conn.execute("select tablename from pg_tables where schemaname = 'public'")).fetchall()
        rows = {}
        for (name,) in tables:
            rows[name] = str(await (await conn.execute(f"select {name}::text from {name}")).fetchall())
    for secret in secrets:
        assert not [line for line in log_lines if secret in line], secret
        assert not [name for name, text in rows.items() if secret in text or secret.encode().hex() in text], secret
        assert secret not in events
    for personal in people:
        assert not [line for line in log_lines if personal in line], personal
        matches = {name for name, text in rows.items() if personal in text or personal.encode().hex() in text}
        assert matches <= {"profiles", "identities"}, (personal, matches)


def is_our_record(record: logging.LogRecord) -> bool:
    """Whether Tenure wrote a log record, at a level that is ever logged: not the test's own browser or providers."""
    return record.name.startswith(("tenure", "infra", "interfaces", "application", "projections", "authlib"))


async def test_who_is_seen_is_seen_in_the_list(tenure: Served) -> None:
    async with member(tenure, "Ann") as ann:
        (user,) = (await ann.get("/api/users")).json()["users"]
        assert user["last_seen_at"] >= user["created_at"]
