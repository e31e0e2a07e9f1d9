"""What tests stand on: one real PostgreSQL for all of them, a database of its own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from httpx._transports import default

from infra.postgres import embedded as embedded_postgres
from infra.process import logging as logs
from infra.tables import passwords, vm_passwords
from tests.support.databases import Databases
from tests.support.server import Served, served
from tests.support.tmux import Tmux, tmux_server

# A client's TLS begins with reading all of the world's authorities, which takes 20 ms: those of tests share it.
setattr(default, "create_ssl_context", cache(getattr(default, "create_ssl_context")))  # noqa: B009, B010
# The recorder of secrets (tests/support/secrets.py) sees what a server logs at the most talkative level.
logs.set_levels("debug")
# Passwords are hashed slowly so that nobody tries many: tests do.
for rows in (passwords, vm_passwords):
    setattr(rows, "PasswordHasher", partial(PasswordHasher.from_parameters, CHEAPEST))  # noqa: B010


# Folders of few and long tests: begun last, one process would still be at them when the other has nothing left.
LONG_FIRST = ("tests/docs/", "tests/upgrade/", "tests/crash/", "tests/test_rules.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the folders of long tests first. `make test` keeps this order (`--no-loadscope-reorder`)."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG_FIRST))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server for this run.

    Not below pytest's own folder: another run closes that to others, also to the account that PostgreSQL has.
    """
    with TemporaryDirectory(prefix="tenure-test-") as home:
        yield embedded_postgres.start(Path(home))
        embedded_postgres.stop(Path(home))


@pytest.fixture(scope="session")
def databases(postgres: str) -> Databases:
    return Databases(postgres)


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The URL of a database that no Tenure has been at work on."""
    with databases.lend() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One Tenure for all tests of a module, which then run on one loop: `pytest.mark.asyncio(loop_scope="module")`."""
    with databases.lend() as url:
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
