"""Making a database of this version, and recording what the version shows of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.utils import resolve_topic

from tests.upgrade import asking, scenario
from tests.upgrade.product import (
    Clock,
    Engine,
    FakeHypervisor,
    Served,
    Words,
    aggregates,
    at_a_time,
    chosen_words,
    golden_states,
    postgres,
    served,
    standing_by,
)
from tests.upgrade.reading import READ_MODELS, log, plain, rows, tables
from tests.upgrade.scenario import SETTINGS, World

# As an early build of 0.1 stored it: before regions. Its aggregate is not touched again.
OLD = "insert into tenure_events (originator_id, originator_version, topic, state) values (%s, 1, %s, %s)"


async def made(home: Path, dumped: Callable[[str], str], empty: dict[str, str]) -> dict[str, Any]:
    """The dump, and what is kept beside it, by name."""
    clock = Clock(scenario.BEGIN)
    with postgres(home / "postgres") as server, at_a_time(clock):
        database = new_database(server, "dumped")
        world, dump = await happened(database, home, clock, dumped, empty)
        await folded(database, home)
        shown = await recorded(database, home, world)
        return {"dump": dump, "about": about(world), "credentials": world.credentials, **shown}


def new_database(server: str, name: str) -> str:
    """The URL of an empty one."""
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"create database {name}")  # type: ignore[arg-type]
    return psycopg.conninfo.make_conninfo(server, dbname=name)


async def happened(
    database: str, home: Path, clock: Clock, dumped: Callable[[str], str], empty: dict[str, str]
) -> tuple[World, str]:
    """Everything happens; the database as it is then, with a follower that has not seen the last of it."""
    with chosen_words() as words:
        return await _happened(database, home, clock, words, dumped, empty)


async def _happened(
    database: str, home: Path, clock: Clock, words: Words, dumped: Callable[[str], str], empty: dict[str, str]
) -> tuple[World, str]:
    engine, paris, hypervisor = Engine(), Engine(), FakeHypervisor()

    def world(serving: Served, before: World | None = None) -> World:
        made = World(serving, database, clock, engine, paris, hypervisor, words)
        for name, headers in (before.credentials if before else {}).items():
            made.comes(name, **headers)
        if before:
            made.ids, made.secrets, made.settles = before.ids, before.secrets, False
        return made

    async with served(database, home / "1", engine, 0, lambda region: paris, hypervisor, **SETTINGS) as serving:
        first = world(serving)
        await scenario.everything(first)
        await first.close()
    async with served(
        database, home / "2", engine, 0, lambda region: paris, hypervisor, role="api", **SETTINGS
    ) as serving:
        second = world(serving, first)
        await scenario.not_yet_folded(second)
        old_events(database)
        session = UUID(rows(database, "sessions")[0]["id"])
        async with second.inside.looking_on(session, await second.inside.user_id("alice")):
            dump, missing = dumped(database), complete(database, empty)
            assert not missing, missing
        await second.close()
    return second, dump


def old_events(database: str) -> None:
    """Events in the shapes that they had once."""
    with psycopg.connect(database) as conn:
        for topic, states in golden_states().items():
            for nth, state in enumerate(states[:-1]):
                id = UUID(int=0x01D << 64 | hash_of(topic) << 8 | nth)
                conn.execute(OLD, (id, topic, json.dumps(state, separators=(",", ":")).encode()))


def hash_of(topic: str) -> int:
    return sum(topic.encode())


def complete(database: str, empty: dict[str, str]) -> list[str]:
    """What is not in it, though there are such events and tables."""
    topics = {topic for _, _, topic in log(database)}
    kinds = {resolve_topic(topic) for topic in topics}
    missing = [topic for topic in golden_states() if resolve_topic(topic) not in kinds]
    return missing + [name for name in tables(database) if not rows(database, name) and name not in empty]


async def folded(database: str, home: Path) -> None:
    """A follower sees the last of it. Nothing else happens."""
    before = log(database)
    async with standing_by(database), served(database, home / "3", Engine(), **SETTINGS):
        await scenario.until_folded(database)
    assert log(database) == before


async def recorded(database: str, home: Path, world: World) -> dict[str, Any]:
    before = log(database)
    async with (
        served(database, home / "4", Engine(), role="api", **SETTINGS) as serving,
        asking.clients(serving.url, world.credentials) as clients,
    ):
        openapi = (await clients["nobody"].get("/openapi.json")).json()
        more = [("nobody", f"/api/invites/{world.secrets['invite']}/validate")]
        more.append(("nobody", f"/invite/{world.secrets['invite']}"))
        answers = await asking.everything(clients, more)
        assert not (left := asking.unasked(openapi, answers)), left
        states = await asking.states(clients["carol"], before)
    assert log(database) == before, "to be asked has changed something"
    ids = list(dict.fromkeys(id for _, id, _ in before))
    loaded = await aggregates(database, ids)
    return {
        "answers": answers,
        "states": states,
        "aggregates": {id: {"class": kind, **plain(state)} for id, (kind, state) in loaded.items()},
        "rows": {table: rows(database, table) for table in READ_MODELS},
    }


def about(world: World) -> dict[str, Any]:
    return {
        "now": world.clock().isoformat(),
        "settings": SETTINGS,
        "secrets": world.secrets,
        "ids": world.ids,
        "topics": sorted(golden_states()),
    }
