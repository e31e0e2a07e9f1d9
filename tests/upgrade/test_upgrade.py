"""Given the database of an earlier version, when the present code starts on it, then it shows what that version showed.

What it showed is kept beside its dump; README.md says how both are made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.upgrade import asking, scenario
from tests.upgrade.product import (
    Clock,
    Engine,
    Inside,
    aggregates,
    at_a_time,
    environments,
    golden_states,
    served,
    standing_by,
)
from tests.upgrade.reading import log, plain, rows, tables

# Attributes of aggregates that have another name since: "Class.new": "old". What the audit API shows has kept the old
# name, and so have events.
RENAMED: dict[str, str] = {}
FOLDER = Path(__file__).parent
VERSIONS = sorted(path.parent.name for path in FOLDER.glob("*/dump.sql"))
NUMBERS = count(1)
# How often something was tried is in no event: what is folded anew is tried again at once.
TRIES = "attempts", "holder", "last_error", "run_at"
OTHER_SHAPE = "update follower set shape = 'of another version'"


class Past:
    """A version's dump, and what it showed of it."""

    def __init__(self, version: str, server: str) -> None:
        self.folder, self._server = FOLDER / version, server
        self.template = f"past_{version.replace('.', '_')}"
        self._execute(server, f"create database {self.template}")
        self._execute(self._url(self.template), (self.folder / "dump.sql").read_text())

    def __getattr__(self, name: str) -> Any:
        """What is kept in the file of this name."""
        return json.loads((self.folder / f"{name}.json").read_text())

    @cached_property
    def database(self) -> str:
        """One that only reads."""
        return self.another()

    def another(self) -> str:
        """The URL of a database with the dump in it, which nobody has started on."""
        name = f"{self.template}_{next(NUMBERS)}"
        self._execute(self._server, f"create database {name} template {self.template}")
        return self._url(name)

    def _url(self, name: str) -> str:
        return psycopg.conninfo.make_conninfo(self._server, dbname=name)

    @staticmethod
    def _execute(url: str, sql: str) -> None:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(sql)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=VERSIONS)
def past(request: pytest.FixtureRequest, postgres: str) -> Past:
    return Past(request.param, postgres)


@pytest.fixture(autouse=True)
def clock(past: Past) -> Iterator[Clock]:
    """It is still the moment in which the dump was made: nothing has become due since, and no token has ended."""
    clock = Clock(datetime.fromisoformat(past.about["now"]))
    with at_a_time(clock):
        yield clock


@pytest.fixture
async def folded(past: Past, tmp_path: Path) -> str:
    """A database on which the present code has gone on with the stored lists."""
    database = past.another()
    async with standing_by(database), served(database, tmp_path / "folding", **past.about["settings"]):
        await scenario.until_folded(database)
    return database


def test_the_dump_holds_every_event_and_a_row_in_every_table(past: Past) -> None:
    database = past.another()
    assert set(past.about["topics"]) - {topic for _, _, topic in log(database)} == set()
    assert [name for name in tables(database) if not rows(database, name)] == []


def test_every_event_of_a_version_is_still_known(past: Past) -> None:
    assert set(past.about["topics"]) <= golden_states().keys()


def test_the_lists_go_on_where_they_were(past: Past, folded: str) -> None:
    assert log(folded) == log(past.another()), "to start is no event"
    for table, expected in past.rows.items():
        assert as_then(rows(folded, table), expected) == expected, table


async def test_the_lists_are_the_same_when_they_are_folded_anew(past: Past, tmp_path: Path) -> None:
    database = past.another()
    with psycopg.connect(database) as conn:
        conn.execute(OTHER_SHAPE)
    async with served(database, tmp_path, role="api", **past.about["settings"]) as now:
        assert now.tenure.refolded
    assert log(database) == log(past.another())
    for table, expected in past.rows.items():
        but = TRIES if table == "work" else ()
        assert as_then(rows(database, table), expected, but) == without(expected, but), table


async def test_everybody_is_answered_the_same(past: Past, folded: str, tmp_path: Path) -> None:
    async with (
        served(folded, tmp_path, role="api", **past.about["settings"]) as now,
        asking.clients(now.url, past.credentials) as clients,
    ):
        for expected in past.answers:
            answer = await asking.ask(clients, expected["who"], expected["path"])
            assert answer == expected, f"{expected['who']} asks for {expected['path']}"


async def test_every_subject_was_what_it_was(past: Past, folded: str, tmp_path: Path) -> None:
    async with (
        served(folded, tmp_path, role="api", **past.about["settings"]) as now,
        asking.clients(now.url, past.credentials) as clients,
    ):
        events = [one for one in log(folded) if str(one[1]) in {state["subject"] for state in past.states}]
        assert len(events) == len(past.states)
        assert await asking.states(clients["carol"], events) == past.states


async def test_every_aggregate_is_what_it_was(past: Past) -> None:
    loaded = await aggregates(past.another(), [UUID(id) for id in past.aggregates])
    for id, expected in past.aggregates.items():
        kind, state = loaded[id]
        known = {RENAMED.get(f"{kind}.{name}", name): value for name, value in state.items()}
        assert {"class": kind, **plain(known)} == expected


async def test_every_secret_still_opens(past: Past, folded: str, clock: Clock, tmp_path: Path) -> None:
    """What credentials open is among the answers; this is what is left: passwords, and all that is sealed."""
    secrets, engine = past.about["secrets"], Engine()
    async with (
        standing_by(folded),
        served(folded, tmp_path, engine, **past.about["settings"]) as now,
        asking.clients(now.url, past.credentials) as clients,
    ):
        somebody, ida = clients["nobody"], clients["ida"]
        inside = Inside(now, clock)
        login = secrets["instructor"]
        assert fine(await somebody.post("/api/auth/login", json=login))["user"]["email"] == login["email"]
        assert fine(await somebody.post("/api/v0/login", json=secrets["vm account"]))["token"]
        assert await inside.opens_vm(**secrets["vm password"])
        revoked = {"x-api-key": secrets["revoked key"]}
        assert (await somebody.get("/api/v1/workspaces", headers=revoked)).status_code == 401

        # A private half that opens is signed with again; else there would be another key.
        keys = {key["kid"] for key in fine(await somebody.get("/.well-known/jwks.json"))["keys"]}
        assert fine(await clients["anna"].post("/token"))["token"]
        assert {key["kid"] for key in fine(await somebody.get("/.well-known/jwks.json"))["keys"]} == keys

        learner = secrets["learner"]
        back = {"code": learner["code"], "odehash": learner["odehash"]}
        assert fine(await somebody.post("/api/join", json=back))["seat"] == learner["seat"]
        bearer = {"authorization": f"Bearer {learner['token']}"}
        assert (await somebody.get(f"/vm/{learner['seat']}/files", headers=bearer)).status_code != 401
        registered = fine(await somebody.get(f"/api/session/{secrets['registration']['access_code']}"))
        assert registered["name"] == secrets["registration"]["name"]

        seat = f"/api/workshops/{past.about['ids']['workshop']}/learners/{learner['seat']}"
        fine(await ida.delete(seat))  # a machine is made anew, with the key that the instructor gave
        await scenario.until_settled(folded, clock())
        assert secrets["workshop key"] in [value for env in environments(engine) for value in env.values()]


def fine(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def as_then(found: list[dict[str, Any]], then: list[dict[str, Any]], but: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Rows, with the columns that there were then; later versions may have more."""
    columns = {name for row in then for name in row}
    return without([{name: it for name, it in row.items() if name in columns} for row in found], but)


def without(found: list[dict[str, Any]], but: tuple[str, ...]) -> list[dict[str, Any]]:
    left = [{name: it for name, it in row.items() if name not in but} for row in found]
    return sorted(left, key=lambda row: json.dumps(row, sort_keys=True))
