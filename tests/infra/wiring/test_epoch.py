"""A copy of a log, and a log that was rolled back, begin a new epoch. Everything else goes on in its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from infra.runtime.home import LogMark, place_of, read_mark, write_mark
from infra.wiring.epoch import divergence, settle_epoch
from tests.support.databases import with_tables


@pytest.fixture(autouse=True)
async def tables(database: str) -> None:
    await with_tables(database)


@contextmanager
def copied(database: str) -> Iterator[str]:
    """A copy of a database that nobody is connected to, as a restored dump is one."""
    source = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    name = f"{source}_copy"
    with psycopg.connect(database, dbname="postgres", autocommit=True) as conn:
        conn.execute(f"create database {name} template {source}")
        try:
            yield psycopg.conninfo.make_conninfo(database, dbname=name)
        finally:
            conn.execute(f"drop database {name} with (force)")


async def test_a_log_that_is_used_again_stays_in_its_epoch(database: str, tmp_path: Path) -> None:
    for is_embedded in (False, True):
        first = await settle_epoch(database, tmp_path / "a", is_embedded)
        assert await settle_epoch(database, tmp_path / "a", is_embedded) == first


async def test_homes_that_share_a_database_share_its_epoch(database: str, tmp_path: Path) -> None:
    first = await settle_epoch(database, tmp_path / "a", is_embedded=False)
    assert await settle_epoch(database, tmp_path / "b", is_embedded=False) == first
    assert await settle_epoch(database, tmp_path / "a", is_embedded=False) == first


@pytest.mark.fault("F43")
async def test_a_restored_dump_begins_another(database: str, tmp_path: Path) -> None:
    original = await settle_epoch(database, tmp_path / "a", is_embedded=False)
    with copied(database) as copy:
        restored = await settle_epoch(copy, tmp_path / "b", is_embedded=False)
        assert restored.number == original.number + 1 and restored.id != original.id
        assert await settle_epoch(copy, tmp_path / "b", is_embedded=False) == restored
    assert await settle_epoch(database, tmp_path / "a", is_embedded=False) == original


@pytest.mark.fault("F43")
async def test_a_log_that_is_shorter_than_its_home_remembers_was_rolled_back(database: str, tmp_path: Path) -> None:
    epoch = await settle_epoch(database, tmp_path, is_embedded=False)
    write_mark(tmp_path, LogMark(epoch.number, epoch.id, position=5, place=place_of(tmp_path)))
    after = await settle_epoch(database, tmp_path, is_embedded=False)
    assert after.number == epoch.number + 1
    mark = read_mark(tmp_path)
    assert mark and (mark.epoch_id, mark.position) == (after.id, 0)


@pytest.mark.fault("F43")
async def test_a_copied_home_with_its_own_database_begins_another(database: str, tmp_path: Path) -> None:
    original = await settle_epoch(database, tmp_path / "a", is_embedded=True)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert (await settle_epoch(database, tmp_path / "b", is_embedded=True)).number == original.number + 1


def test_which_logs_have_diverged() -> None:
    id, other = uuid4(), uuid4()

    def mark(epoch: int, position: int) -> LogMark:
        return LogMark(epoch, id, position, "here")

    assert divergence(None, 1, id, 0) is None
    assert divergence(mark(1, 7), 1, id, 7) is None
    assert divergence(mark(1, 7), 2, other, 3) is None  # another home has begun it
    assert divergence(mark(1, 8), 1, id, 7) == "the database was rolled back"
    assert divergence(mark(2, 1), 1, other, 7) == "the database was rolled back"
    assert divergence(mark(1, 1), 1, other, 7) == "the home has gone another way than the database"


def test_a_mark_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert read_mark(tmp_path) is None
    (tmp_path / "log-mark.json").write_text('{"epoch": 1}')
    assert read_mark(tmp_path) is None
