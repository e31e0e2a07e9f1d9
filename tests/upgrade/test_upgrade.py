"""Given a database of an earlier version, when the present code starts on it, then it shows what that version showed.

README.md describes the files that this test compares with, and how a version adds its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.support.databases import Databases
from tests.upgrade import answers
from tests.upgrade.changes import apply_changes, without_additions
from tests.upgrade.product import (
    ApplicationCalls,
    Clock,
    Engine,
    aggregates,
    environments,
    frozen_clock,
    golden_states,
    hold_reconcile_locks,
    restore_machines,
    served,
)
from tests.upgrade.reading import log, plain, rows, sort, tables
from tests.upgrade.world import POLL_S, TIMEOUT_S, poll, settle, wait_until_folded

FOLDER = Path(__file__).parent
VERSIONS = sorted(path.parent.name for path in FOLDER.glob("*/dump.sql"))
NUMBERS = count(1)
# Columns of `work` that a rebuild resets, since no event says how often something was tried.
TRIES = ("attempts", "holder", "last_error", "run_at")
OTHER_SHAPE = "update follower set shape = 'of another version'"
FOLLOWER_LAGS = "select position < (select max(notification_id) from tenure_events) from follower"
OPEN_SESSIONS = "select count(*) from sessions where not closed"
ALL_CLOSED = "select not exists (select from sessions where not closed)"


class Past:
    """The dump of a version, and the records of what the version showed."""

    def __init__(self, version: str, server: str) -> None:
        self.folder, self._server = FOLDER / version, server
        self._template = f"past_{version.replace('.', '_')}"
        execute(server, f"create database {self._template}")
        execute(self._url(self._template), (self.folder / "dump.sql").read_text())
        self.about: dict[str, Any] = self.record("about")
        self.settings: dict[str, Any] = self.about["settings"]
        self.credentials: dict[str, dict[str, str]] = self.record("credentials")

    def record(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    def restore(self) -> str:
        """The URL of a new database with the dump in it."""
        name = f"{self._template}_{next(NUMBERS)}"
        execute(self._server, f"create database {name} template {self._template}")
        return self._url(name)

    def _url(self, name: str) -> str:
        return psycopg.conninfo.make_conninfo(self._server, dbname=name)


@pytest.fixture(scope="module", params=VERSIONS)
def past(request: pytest.FixtureRequest, postgres: str, databases: Databases) -> Past:
    """`databases` switches off fsync on the server: with it, each copy of a database takes a second."""
    return Past(request.param, postgres)


@pytest.fixture(autouse=True)
def clock(past: Past) -> Iterator[Clock]:
    """The moment of the dump: since then no work has become due, and no token has expired."""
    clock = Clock(datetime.fromisoformat(past.about["now"]))
    with frozen_clock(clock):
        yield clock


@pytest.fixture
async def database(past: Past, tmp_path: Path) -> str:
    """A database on which the present follower has folded what 0.1 had not."""
    url = past.restore()
    async with hold_reconcile_locks(url), served(url, tmp_path / "folding", **past.settings):
        await wait_until_folded(url)
    return url


def test_the_dump_has_every_event_and_a_row_in_every_table(past: Past) -> None:
    database = past.restore()
    topics = set(past.about["topics"])
    assert topics <= golden_states().keys()
    assert topics <= {topic for _, _, topic in log(database)}
    assert [table for table in tables(database) if not rows(database, table)] == []
    assert ask(database, FOLLOWER_LAGS) is True


def expected_rows(past: Past) -> dict[str, list[dict[str, Any]]]:
    """The rows of 0.1, without work that this version leaves to an administrator: it destroys no orphan of 0.1."""
    tables: dict[str, list[dict[str, Any]]] = past.record("rows")
    return tables | {"work": [row for row in tables["work"] if row["command"] != "orphan.destroy"]}


def test_stored_lists_are_continued(past: Past, database: str) -> None:
    assert log(database) == log(past.restore()), "a start alone adds no event"
    for table, expected in expected_rows(past).items():
        assert with_columns_of(expected, rows(database, table)) == expected, table


async def test_lists_are_rebuilt_the_same(past: Past, tmp_path: Path) -> None:
    database = past.restore()
    execute(database, OTHER_SHAPE)
    async with served(database, tmp_path, role="api", **past.settings) as server:
        assert server.tenure.refolded
    assert log(database) == log(past.restore())
    for table, expected in expected_rows(past).items():
        reset = TRIES if table == "work" else ()
        rebuilt = with_columns_of(expected, rows(database, table))
        assert without(reset, rebuilt) == without(reset, expected), table


async def test_every_client_gets_the_same_answers(past: Past, database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, role="api", **past.settings) as server,
        answers.open_clients(server.url, past.credentials) as clients,
    ):
        for expected in past.record("answers"):
            answer = await answers.get(clients, expected["client"], expected["path"])
            changed = apply_changes(expected)
            assert without_additions(answer, changed) == changed, f"{expected['client']} gets {expected['path']}"


async def test_every_subject_has_the_same_history(past: Past, database: str, tmp_path: Path) -> None:
    expected = past.record("states")
    async with (
        served(database, tmp_path, role="api", **past.settings) as server,
        answers.open_clients(server.url, past.credentials) as clients,
    ):
        positions = {state["at"] for state in expected}
        events = [event for event in log(database) if event[0] in positions]
        states = await answers.record_states(clients["carol"], events)
        for state, expected_state in zip(states, expected, strict=True):
            assert without_additions(state, expected_state) == expected_state


async def test_every_aggregate_has_the_same_state(past: Past) -> None:
    expected = past.record("aggregates")
    loaded = await aggregates(past.restore(), [UUID(id) for id in expected])
    for id, (kind, attributes) in loaded.items():
        state = {"class": kind, **plain(attributes)}
        assert without_additions(state, expected[id]) == expected[id]


async def test_every_secret_still_opens(past: Past, database: str, clock: Clock, tmp_path: Path) -> None:
    """Passwords, codes and sealed rows. Cookies, API keys and tokens open the recorded answers."""
    secrets, engine = past.about["secrets"], Engine()
    learner = secrets["learner"]
    async with (
        hold_reconcile_locks(database),
        served(database, tmp_path, engine, **past.settings) as server,
        answers.open_clients(server.url, past.credentials) as clients,
    ):
        nobody = clients["nobody"]
        login = body(await nobody.post("/api/auth/login", json=secrets["instructor"]))
        assert login["user"]["email"] == secrets["instructor"]["email"]
        assert body(await nobody.post("/api/v0/login", json=secrets["vm account"]))["token"]
        assert await ApplicationCalls(server, clock).opens_vm(**secrets["vm password"])
        revoked = {"x-api-key": secrets["revoked key"]}
        assert (await nobody.get("/api/v1/workspaces", headers=revoked)).status_code == 401

        # A signing key that does not open is replaced by a new one.
        key_set = body(await nobody.get("/.well-known/jwks.json"))
        assert body(await clients["anna"].post("/token"))["token"]
        assert body(await nobody.get("/.well-known/jwks.json")) == key_set

        again = {"code": learner["code"], "odehash": learner["odehash"]}
        assert body(await nobody.post("/api/join", json=again))["seat"] == learner["seat"]
        seat_token = {"authorization": f"Bearer {learner['token']}"}
        assert (await nobody.get(f"/vm/{learner['seat']}/files", headers=seat_token)).status_code != 401
        registration = body(await nobody.get(f"/api/session/{secrets['registration']['access_code']}"))
        assert registration["name"] == secrets["registration"]["name"]

        # The seat gets a new machine, which is made with the instructor's sealed API key.
        learners = f"/api/workshops/{past.about['ids']['workshop']}/learners"
        body(await clients["ida"].delete(f"{learners}/{learner['seat']}"))
        await settle(database, clock())
        assert secrets["workshop key"] in [value for env in environments(engine) for value in env.values()]


async def test_machines_go_on(past: Past, tmp_path: Path) -> None:
    """With the machines of the dump on the engines, reconciling finds nothing but that tmux has gone."""
    database = past.restore()
    before = log(database)
    engine, paris, hypervisor = restore_machines(past.record("machines"))
    jobs = ((engine, "all"), (paris, "all"), (hypervisor, "running"))
    async with served(database, tmp_path, engine, 0, lambda region: paris, hypervisor, **past.settings):
        await wait_until_folded(database)
        open_sessions = ask(past.restore(), OPEN_SESSIONS)
        await poll(database, ALL_CLOSED)
        async with asyncio.timeout(TIMEOUT_S):  # each reconciling job has asked its engine
            while not all(name in {call for call, _ in host.calls} for host, name in jobs):
                await asyncio.sleep(POLL_S)
    assert [topic for _, _, topic in log(database)[len(before) :]] == ["domain.session:Session.Closed"] * open_sessions
    assert engine.created_count == paris.created_count == 0


def execute(url: str, sql: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql)


def ask(url: str, question: str) -> Any:
    """The one value that a query returns."""
    with psycopg.connect(url) as conn:
        row = conn.execute(question).fetchone()
    assert row is not None
    return row[0]


def body(answer: httpx.Response) -> Any:
    """The body of a successful answer."""
    assert answer.is_success, answer.text
    return answer.json()


def with_columns_of(expected: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what later versions have added to them."""
    if all("position" in row for row in expected):  # the rows of the trail, whose facts may have more keys
        by_position = {row["position"]: row for row in rows}
        assert by_position.keys() == {row["position"] for row in expected}
        return [without_additions(by_position[row["position"]], row) for row in expected]
    columns = {name for row in expected for name in row}
    return sort([{name: value for name, value in row.items() if name in columns} for row in rows])


def without(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sort([{name: value for name, value in row.items() if name not in columns} for row in rows])
