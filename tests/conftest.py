"""What tests stand on: one real PostgreSQL for all of them, a database of its own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import pytest_asyncio

from infra import embedded_postgres
from tests.serving import Served, served
from tests.tmux import Tmux, tmux_server

NUMBERS = count(1)
UNUSED: list[str] = []  # databases that are empty
HANG_UP = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server for this run.

    Not below pytest's own folder: another run closes that to others, also to the account that PostgreSQL has.
    """
    with TemporaryDirectory(prefix="tenure-test-") as home:
        yield embedded_postgres.start(Path(home))
        embedded_postgres.stop(Path(home))


@contextmanager
def new_database(postgres: str) -> Iterator[str]:
    """One that was used before is emptied, which takes a third of the time that a new one does."""
    url = UNUSED.pop() if UNUSED else created(postgres)
    yield url
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(HANG_UP)
        conn.execute("drop schema public cascade; create schema public")
    UNUSED.append(url)


def created(postgres: str) -> str:
    name = f"test_{next(NUMBERS)}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    return psycopg.conninfo.make_conninfo(postgres, dbname=name)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(postgres) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One Tenure for all tests of a module, which then run on one loop: `pytest.mark.asyncio(loop_scope="module")`."""
    with new_database(postgres) as url:
        async with served(url, tmp_path_factory.mktemp("house")) as serving:
            yield serving


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A whole Tenure over HTTP, on a database of its own and an engine in memory."""
    async with served(database, tmp_path) as serving:
        yield serving


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    """A tmux server of the test's own; it starts with its first session."""
    with tmux_server() as server:
        yield server
