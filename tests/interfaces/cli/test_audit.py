"""`tenure audit` and `tenure rebuild`: the history from the database itself, with and without a server."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from application.access import Cause
from domain.workspace import Workspace
from infra.postgres.database import connect
from infra.runtime.clock import utc_now
from infra.settings.values import plain_number
from infra.wiring.database import open_database
from projections import read_models
from tests.contracts.chrote.people import member
from tests.support.cli import beside, running
from tests.support.cli import tenure as tenure_command
from tests.support.server import Served, eventually, served

NDJSON = {"accept": "application/x-ndjson"}


@pytest.fixture
async def history(database: str, tmp_path: Path) -> Any:
    """A Tenure with some events, whose auditor is called ann."""
    async with served(database, tmp_path, auditors=("ann",), quotas=False) as serving:
        async with serving.client() as alice, serving.client("bob") as bob:
            body = {"name": "lab", "ttl_seconds": 3600}
            id = (await alice.post("/api/v1/workspaces", json=body)).json()["id"]
            bobs = (await bob.post("/api/v1/workspaces", json={"name": "bobs"})).json()["id"]
            await eventually(lambda: is_running(bob, bobs))
            await alice.post(f"/api/v1/workspaces/{id}/extend", json={"ttl_seconds": 60})
            await eventually(lambda: is_running(alice, id))
            await alice.delete(f"/api/v1/workspaces/{id}")
        async with serving.client("ann") as ann:
            await eventually(lambda: ended(ann, id))
        yield serving, id


async def is_running(client: Any, id: str) -> bool:
    return bool((await client.get(f"/api/v1/workspaces/{id}")).json()["status"] == "running")


async def ended(client: Any, id: str) -> bool:
    answer = await client.get("/api/v1/audit/events", params={"subject": id, "kind": "workspace.destroyed"})
    return bool(answer.json()["events"])


async def lines(database: str, *args: str) -> list[str]:
    result = await beside("audit", "log", "--json", *args, TENURE_DATABASE_URL=address(database))
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout.splitlines()


async def test_the_log_is_what_the_api_tells(database: str, history: tuple[Served, str]) -> None:
    serving, id = history
    async with serving.client("ann") as ann:
        everything = (await ann.get("/api/v1/audit/events", headers=NDJSON)).text.splitlines()
        assert len(everything) == 7
        assert await lines(database) == everything
        second = json.loads(everything[1])["at"]
        for option, parameter, value in (
            ("--subject", "subject", id),
            ("--kind", "kind", "workspace.deleted"),
            ("--kind", "kind", "workspace"),
            ("--actor", "actor", "bob"),
            ("--since", "since", second),
            ("--until", "until", second),
            ("--after", "after", "3"),
        ):
            answer = await ann.get("/api/v1/audit/events", params={parameter: value}, headers=NDJSON)
            expected = answer.text.splitlines()
            assert expected and (len(expected) < len(everything) or value == "workspace")
            assert await lines(database, option, value) == expected
        assert await lines(database, "--limit", "2") == everything[:2]


async def test_the_log_in_words(database: str, history: tuple[Served, str]) -> None:
    result = await beside("audit", "log", "--subject", history[1], TENURE_DATABASE_URL=address(database))
    words = [line.split() for line in result.stdout.splitlines()]
    assert [(line[2], line[4]) for line in words if line[2] != "workspace.extended"] == [
        ("workspace.requested", "alice"),
        ("workspace.provisioned", "tenure"),
        ("workspace.deleted", "alice"),
        ("workspace.destroyed", "tenure"),
    ]
    assert "name=lab" in words[0]


async def test_the_log_is_followed(database: str, history: tuple[Served, str]) -> None:
    serving, _ = history
    with running("audit", "log", "--follow", "--json", TENURE_DATABASE_URL=address(database)) as following:
        await asyncio.to_thread(following.until, '"workspace.destroyed"')
        async with serving.client() as alice:
            await alice.post("/api/v1/workspaces", json={"name": "next"})
        line = await asyncio.to_thread(following.until, '"name":"next"')
        assert json.loads(line)["kind"] == "workspace.requested"
        assert await asyncio.to_thread(following.end) == 130
        assert "Traceback" not in following.output


async def test_a_subject_is_shown_as_the_api_shows_it_at_every_moment(
    database: str, history: tuple[Served, str]
) -> None:
    serving, id = history
    events = [json.loads(line) for line in await lines(database, "--subject", id)]
    moments = [str(event[key]) for event in events for key in ("position", "at")]
    versions = set()
    async with serving.client("ann") as ann:
        for moment in moments:
            answer = await ann.get(f"/api/v1/audit/subjects/{id}", params={"at": moment})
            result = await beside("audit", "show", id, "--at", moment, "--json", TENURE_DATABASE_URL=address(database))
            assert result.stdout.rstrip("\n") == answer.text
            versions.add(answer.json()["version"])
    assert versions == set(range(1, len(events) + 1))


async def test_a_subject_in_words(database: str, history: tuple[Served, str]) -> None:
    _, id = history
    first = json.loads((await lines(database, "--subject", id))[0])["position"]
    result = await beside("audit", "show", id, "--at", str(first), TENURE_DATABASE_URL=address(database))
    assert f"workspace {id} after 1 of its events" in result.stdout
    assert "  status        creating" in result.stdout
    now = await beside("audit", "show", id, TENURE_DATABASE_URL=address(database))
    assert "  ended_because it was deleted" in now.stdout


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("show", "no-uuid"), "no such subject; ids are UUIDs"),
        (("show", str(uuid4())), "no such subject"),
        (("show", str(uuid4()), "--at", "then"), "at must be a position, or a time such as 2030-01-16T10:30:00Z"),
        (("log", "--subject", "lab"), "--subject must be a UUID"),
        (("log", "--since", "then"), "--since must be a time such as 2030-01-16T10:30:00Z"),
        (("log", "--actor", "nobody"), 'no user is called "nobody"'),
    ],
)
async def test_what_cannot_be_shown_is_a_sentence(database: str, args: tuple[str, ...], sentence: str) -> None:
    result = await beside("audit", *args, TENURE_DATABASE_URL=address(database))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{sentence}\n")


async def test_before_its_first_event_it_was_not_there(database: str, history: tuple[Served, str]) -> None:
    result = await beside("audit", "show", history[1], "--at", "2001-01-01", TENURE_DATABASE_URL=address(database))
    assert result.exit_code == 1
    assert "it was not there yet" in result.stderr


async def test_without_a_server_the_newest_events_are_there_too(database: str) -> None:
    """A command reads events that a killed server stored but never projected."""
    opened = await open_database(database)
    workspace = a_workspace()
    await opened.platform.commit(Cause(), workspace)
    await opened.close()

    assert [json.loads(line)["subject"] for line in await lines(database)] == [str(workspace.id)]


async def test_rebuilding_while_it_is_served_changes_nothing(database: str, history: tuple[Served, str]) -> None:
    serving, _ = history
    async with serving.client() as alice:
        rebuilding = asyncio.create_task(beside("rebuild", "--json", TENURE_DATABASE_URL=address(database)))
        ids: list[str] = []
        while not rebuilding.done() or len(ids) < 50:
            answer = await alice.post("/api/v1/workspaces", json={"name": "lab"})
            assert answer.status_code == 200, answer.text
            ids.append(answer.json()["id"])
            listed = (await alice.get("/api/v1/workspaces")).json()
            assert {workspace["id"] for workspace in listed} >= set(ids)
        report = json.loads((await rebuilding).stdout)
        assert report["events"] >= 7
        await eventually(lambda: all_run(alice))
    live = await rows(database)
    assert live["workspaces"] and live["trail"] and live["operations"] and live["holders"]
    result = await beside("rebuild", TENURE_DATABASE_URL=address(database))
    assert result.stdout.startswith(f"Folded {len(live['trail'])} events anew in ")
    assert await rows(database) == live


async def all_run(client: Any) -> bool:
    return {workspace["status"] for workspace in (await client.get("/api/v1/workspaces")).json()} == {"running"}


async def rows(url: str) -> dict[str, list[Any]]:
    """All rows of all read models; of the due-list only the commands and their times, not the leases."""
    tables = {}
    async with await connect(url) as conn, conn.cursor(row_factory=dict_row) as cur:
        for table in read_models.DDL:
            await cur.execute(f"select * from {table} order by 1, 2")
            tables[table] = [
                {k: v for k, v in row.items() if table != "work" or k in ("command", "subject", "due_at")}
                for row in await cur.fetchall()
            ]
    return tables


def address(database: str) -> str:
    """The database as a URL, the form that settings take."""
    parts = conninfo_to_dict(database)
    more = urlencode({"host": parts["host"], "port": parts["port"]})
    return f"postgresql://{parts['user']}@/{parts['dbname']}?{more}"


def a_workspace() -> Workspace:
    return Workspace.request(
        id=uuid4(),
        owner_id=uuid4(),
        name="lab",
        template=None,
        provider="fake",
        ttl_seconds=None,
        max_term=timedelta(days=1),
        now=utc_now(),
    )


@pytest.mark.fault("F80", "F81")
async def test_somebody_who_signed_in_is_found_by_name_and_shown_with_where_from(tenure: Served, database: str) -> None:
    async with member(tenure, "carl") as carl:
        await carl.post("/api/v1/workspaces", json={"name": "lab"})
        carl_id = str((await tenure.tenure.deps.http.people.find_named("carl"))[0])
    for actor in ("carl", carl_id):
        result = await beside("audit", "log", "--actor", actor, TENURE_DATABASE_URL=address(database))
        assert result.exit_code == 0, result.output
        assert f"carl (self-named, local, {carl_id[:8]})" in result.stdout.splitlines()[0]


@pytest.mark.fault("F83")
async def test_facts_are_whole_in_a_pipe(tenure: Served, database: str) -> None:
    name = "a name of ninety-nine characters " * 3
    async with tenure.client() as alice:
        await alice.post("/api/v1/workspaces", json={"name": name})
    for option in ((), ("--json",)):
        result = await beside("audit", "log", *option, TENURE_DATABASE_URL=address(database))
        assert name.strip() in result.stdout and "…" not in result.stdout


@pytest.mark.fault("F83")
def test_numbers_are_plain() -> None:
    values = {row["name"]: row["value"] for row in json.loads(tenure_command("config", "--json").stdout)}
    assert values["signing_key_seconds"] == "2592000"
    assert plain_number(0.25) == "0.25" and plain_number(1e6) == "1000000" and plain_number(0.0) == "0"
