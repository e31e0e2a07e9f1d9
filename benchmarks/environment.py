"""The environment of a run: a PostgreSQL in a temporary home, and servers in processes of their own."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from infra.postgres import embedded as embedded_postgres

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    url: str
    pid: int


@dataclass
class Environment:
    """Makes databases and servers. `quick`: measure less, for figures that only show that a bench works."""

    home: Path
    postgres: str
    quick: bool
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create an empty database, yield its URL and drop it afterwards."""
        name = f"bench_{next(self._numbers)}"
        with psycopg.connect(self.postgres, autocommit=True) as conn:
            conn.execute(f"create database {name}")
        try:
            yield psycopg.conninfo.make_conninfo(self.postgres, dbname=name)
        finally:
            with psycopg.connect(self.postgres, autocommit=True) as conn:
                conn.execute(f"drop database {name} with (force)")

    @asynccontextmanager
    async def tenure(self, database: str, engine: str = "fake", **settings: Any) -> AsyncIterator[Server]:
        """Run a Tenure server on this database. `engine`: "fake", or "real" for the one that the settings choose."""
        options = {"app": "tenure", "database": database, "engine": engine, "settings": settings}
        async with self._server(options) as server:
            yield server

    @asynccontextmanager
    async def baseline(self, app: str) -> AsyncIterator[Server]:
        """Run one of the apps of `benchmarks.baselines`."""
        async with self._server({"app": app}) as server:
            yield server

    @asynccontextmanager
    async def _server(self, options: dict[str, Any]) -> AsyncIterator[Server]:
        command = [sys.executable, "-m", "benchmarks.server", json.dumps(options | {"home": str(self.home)})]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert process.stdin and process.stdout
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                url = (await process.stdout.readline()).decode().strip()
            if not url:
                raise RuntimeError("the server did not start; its output is above")
            yield Server(url, process.pid)
        finally:
            process.stdin.close()
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()


@contextmanager
def open_environment(quick: bool) -> Iterator[Environment]:
    """Start PostgreSQL in a temporary home, and stop it when the block is left."""
    with tempfile.TemporaryDirectory(prefix="tenure-bench-") as directory:
        home = Path(directory)
        try:
            yield Environment(home, embedded_postgres.start(home), quick)
        finally:
            embedded_postgres.stop(home)
