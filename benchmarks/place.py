"""Where benchmarks run: a PostgreSQL of their own in a temporary home, and servers in processes of their own."""

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


@dataclass(frozen=True)
class Server:
    url: str
    pid: int


@dataclass
class Place:
    """`quick` asks for less of everything: figures to see that it works, not to be quoted."""

    home: Path
    postgres: str
    quick: bool
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database, dropped afterwards."""
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
        """A Tenure server on this database. `engine`: fake, or real as the settings choose it."""
        asked = {"app": "tenure", "database": database, "engine": engine, "settings": settings}
        async with self._server(asked) as server:
            yield server

    @asynccontextmanager
    async def bare(self, app: str) -> AsyncIterator[Server]:
        """A server of one of the bare bounds."""
        async with self._server({"app": app}) as server:
            yield server

    @asynccontextmanager
    async def _server(self, asked: dict[str, Any]) -> AsyncIterator[Server]:
        command = [sys.executable, "-m", "benchmarks.server", json.dumps(asked | {"home": str(self.home)})]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert process.stdin and process.stdout
        try:
            async with asyncio.timeout(30):
                url = (await process.stdout.readline()).decode().strip()
            if not url:
                raise RuntimeError("the server did not start; what it said is above")
            yield Server(url, process.pid)
        finally:
            process.stdin.close()
            try:
                async with asyncio.timeout(15):
                    await process.wait()
            except TimeoutError:
                process.kill()


@contextmanager
def place(quick: bool) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="tenure-bench-") as directory:
        home = Path(directory)
        try:
            yield Place(home, embedded_postgres.start(home), quick)
        finally:
            embedded_postgres.stop(home)
