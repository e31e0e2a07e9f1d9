"""GET /api/v1/audit/events: who did what, when, and because of what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from application.access import Cause
from application.ports.people import Identity
from domain.user import User
from interfaces.native import history
from tests.contracts.asking import NOBODY, WORKSPACES, create, fine, refused, running, until_gone, until_status
from tests.support.server import Served, eventually, served

EVENTS = "/api/v1/audit/events"
NDJSON = {"Accept": "application/x-ndjson"}


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with served(database, tmp_path, auditors=["eve"]) as serving:
        yield serving


@pytest.fixture
async def eve(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Eve is an auditor."""
    async with tenure.client("eve") as client:
        yield client


async def events(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = fine(await client.get(EVENTS, params=params))["events"]
    return rows


async def test_an_event_says_who_did_what_when_and_because_of_what(alice: httpx.AsyncClient) -> None:
    answer = await alice.post(WORKSPACES, json={"name": "a"}, headers={"x-request-id": "create-1"})
    await until_status(alice, answer.json()["id"], "running")

    requested, provisioned = await events(alice)
    assert list(requested) == [
        "position",
        "subject",
        "version",
        "kind",
        "at",
        "by",
        "request_id",
        "caused_by",
        "facts",
        "by_name",
        "by_provider",
        "by_self_named",
    ]
    assert (requested["kind"], requested["version"], requested["subject"]) == (
        "workspace.requested",
        1,
        answer.json()["id"],
    )
    assert requested["at"] == answer.json()["created_at"]
    assert (requested["by_name"], requested["request_id"], requested["caused_by"]) == ("alice", "create-1", None)
    assert requested["facts"]["name"] == "a"
    assert (provisioned["kind"], provisioned["version"]) == ("workspace.provisioned", 2)
    assert (provisioned["by"], provisioned["by_name"]) == (None, None)
    assert provisioned["caused_by"] == requested["position"]


@pytest.mark.parametrize(("cause", "kind", "by"), [("delete", "deleted", "alice"), ("expiry", "expired", None)])
async def test_why_something_ended_is_told(alice: httpx.AsyncClient, cause: str, kind: str, by: str | None) -> None:
    one = await create(alice, ttl_seconds=1 if cause == "expiry" else 3600)
    if cause == "delete":
        await alice.delete(f"{WORKSPACES}/{one['id']}")
    await until_gone(alice, one["id"])
    (ended,) = await events(alice, subject=one["id"], kind=f"workspace.{kind}")
    assert ended["by_name"] == by


@pytest.fixture
async def log(alice: httpx.AsyncClient, bob: httpx.AsyncClient, eve: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The whole log, once the last workspace's machine is destroyed and nothing more will happen."""
    one, _, _ = await running(alice), await running(alice), await running(bob)
    await alice.delete(f"{WORKSPACES}/{one['id']}")

    async def destroyed() -> list[dict[str, Any]] | None:
        rows = await events(eve)
        return rows if rows[-1]["kind"] == "workspace.destroyed" else None

    rows: list[dict[str, Any]] = await eventually(destroyed)
    return rows


async def test_the_log_can_be_filtered(eve: httpx.AsyncClient, log: list[dict[str, Any]]) -> None:
    middle = log[3]
    for params, matches in (
        ({"subject": middle["subject"]}, lambda row: row["subject"] == middle["subject"]),
        ({"kind": "workspace.requested"}, lambda row: row["kind"] == "workspace.requested"),
        ({"kind": "workspace"}, lambda row: row["kind"].startswith("workspace.")),
        ({"kind": "orphan"}, lambda row: False),
        ({"kind": "work"}, lambda row: False),
        ({"actor": "bob"}, lambda row: row["by_name"] == "bob"),
        ({"actor": log[0]["by"]}, lambda row: row["by_name"] == "alice"),
        ({"since": middle["at"]}, lambda row: row["at"] >= middle["at"]),
        ({"until": middle["at"]}, lambda row: row["at"] < middle["at"]),
        ({"since": middle["at"].replace("Z", "")}, lambda row: row["at"] >= middle["at"]),
        ({"after": middle["position"]}, lambda row: row["position"] > middle["position"]),
        ({"actor": "alice", "kind": "workspace.deleted"}, lambda row: row["kind"] == "workspace.deleted"),
        ({"subject": NOBODY}, lambda row: False),
    ):
        assert await events(eve, **params) == [row for row in log if matches(row)], params


async def test_an_actor_whom_nobody_knows_is_404(eve: httpx.AsyncClient) -> None:
    refused(await eve.get(EVENTS, params={"actor": "nobody"}), 404, 'no user is called "nobody"')


async def test_it_comes_in_pages(eve: httpx.AsyncClient, log: list[dict[str, Any]]) -> None:
    for limit in (1, 2, 3, len(log), 1000):
        pages: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = fine(await eve.get(EVENTS, params={"after": after, "limit": limit}))
            assert len(page["events"]) <= limit
            assert page["position"] == log[-1]["position"]
            pages += page["events"]
            after = page["next"]
        assert pages == log


async def test_it_comes_as_lines(eve: httpx.AsyncClient, log: list[dict[str, Any]]) -> None:
    answer = await eve.get(EVENTS, params={"limit": 1}, headers=NDJSON)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in answer.text.splitlines()] == log
    assert answer.text.endswith("\n")

    some = await eve.get(EVENTS, params={"kind": "workspace.requested", "after": log[0]["position"]}, headers=NDJSON)
    rows = [json.loads(line) for line in some.text.splitlines()]
    assert rows == [row for row in log[1:] if row["kind"] == "workspace.requested"]
    assert (await eve.get(EVENTS, params={"after": log[-1]["position"]}, headers=NDJSON)).content == b""


async def test_lines_are_refused_before_they_begin(tenure: Served, eve: httpx.AsyncClient) -> None:
    refused(await eve.get(EVENTS, params={"after": -1}, headers=NDJSON), 400, "after")
    async with tenure.client(None) as nobody:
        refused(await nobody.get(EVENTS, headers=NDJSON), 401)
    await tenure.tenure.pool.close()
    without_database = await eve.get(EVENTS, headers=NDJSON)
    refused(without_database, 503, "database")
    assert int(without_database.headers["retry-after"]) > 0


async def test_more_than_a_page_comes_as_lines(
    alice: httpx.AsyncClient, eve: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE_ENTRIES", 2)
    for _ in range(3):
        await running(alice)
    lines = (await eve.get(EVENTS, headers=NDJSON)).text.splitlines()
    assert [json.loads(line)["position"] for line in lines] == [1, 2, 3, 4, 5, 6]


async def test_an_owner_sees_what_is_theirs_and_nothing_else(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, log: list[dict[str, Any]]
) -> None:
    his = {row["subject"] for row in log if row["by_name"] == "bob"}
    assert await events(bob) == [row for row in log if row["subject"] in his]
    assert await events(alice) == [row for row in log if row["subject"] not in his]
    assert await events(alice, subject=his.pop()) == []
    assert await events(alice, actor="bob") == []
    assert len((await alice.get(EVENTS, headers=NDJSON)).text.splitlines()) == len(await events(alice))


async def test_the_history_of_what_has_ended_stays_its_owners(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    await alice.delete(f"{WORKSPACES}/{one['id']}")
    refused(await alice.get(f"{WORKSPACES}/{one['id']}"), 404)
    kinds = [row["kind"].partition(".")[2] for row in await events(alice, subject=one["id"])]
    assert kinds[:3] == ["requested", "provisioned", "deleted"]


@pytest.mark.fault("F80", "F81")
async def test_two_people_of_one_name_are_told_apart(tenure: Served, eve: httpx.AsyncClient) -> None:
    profiles, platform = tenure.tenure.deps.http.profiles, tenure.tenure.deps.http.platform
    clock = tenure.tenure.deps.native.clock
    schemes: dict[str, str] = {}
    for identity in (
        Identity("github", "7", "carl", "carl@example.org", email_verified=True),
        Identity("password", "carl@other.org", "carl", "carl@other.org"),
    ):
        id = await profiles.save(identity)
        await platform.commit(Cause(id), User(id=id, at=clock(), role="viewer", invite_id=None))
        schemes[str(id)] = identity.scheme
    rows = await events(eve, actor="carl")
    assert {row["by"]: row["by_provider"] for row in rows} == schemes
    assert {row["by_provider"]: row["by_self_named"] for row in rows} == {"github": False, "password": True}
    assert {row["by_name"] for row in rows} == {"carl"}
    for actor in schemes:
        assert [row["by"] for row in await events(eve, actor=actor)] == [actor]
    assert [row["by"] for row in await events(eve, actor="carl@other.org")] == [row["by"] for row in rows][1:]
