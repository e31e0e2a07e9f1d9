"""Runs Tenure as separate processes, which a test can kill."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from psycopg.conninfo import conninfo_to_dict

from tests.support.ports import free_port
from tests.support.server import WAIT_TIMEOUT_S

ROOT = Path(__file__).parents[2]


@dataclass
class Spawned:
    url: str
    process: asyncio.subprocess.Process
    output_path: Path  # what it has written

    def client(self, user: str = "alice") -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers={"x-user": user}, timeout=WAIT_TIMEOUT_S)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()

    async def has_died(self) -> int:
        """Wait until the process has died. Returns the signal that it died of."""
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            return -await self.process.wait()

    async def until_it_serves(self) -> None:
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                if self.process.returncode is not None:
                    raise AssertionError(f"it did not start:\n{self.output_path.read_text()}")
                try:
                    await client.get(f"{self.url}/health")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(0.02)


def url_of(database: str) -> str:
    """A database's connection string as a URL, which is what the setting takes."""
    if "://" in database:
        return database
    parts = conninfo_to_dict(database)
    where = urlencode({"host": parts["host"], "port": parts["port"]})
    return f"postgresql://{parts['user']}@/{parts['dbname']}?{where}"


@asynccontextmanager
async def spawned(
    database: str,
    home: Path,
    role: str = "all",
    engine: Path | None = None,
    orders: Path | None = None,
    older: bool = False,
    **settings: Any,
) -> AsyncIterator[Spawned]:
    """Run one process in a home of its own. It serves when the block is entered, and is ended afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    chosen = {"home": home, "bind": address, "role": role, "database_url": url_of(database), **settings}
    env = {key: value for key, value in os.environ.items() if not key.startswith("TENURE_")}
    env |= {f"TENURE_{name.upper()}": str(value) for name, value in chosen.items() if value is not None}
    env |= {name: str(path) for name, path in (("TEST_ENGINE", engine), ("TEST_ORDERS", orders)) if path}
    env |= {"TEST_OLDER": "1"} if older else {}
    output_path = home / "output"
    with output_path.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.child", "up"), cwd=ROOT, env=env, stdout=output, stderr=output
        )
    server = Spawned(f"http://{address}", process, output_path)
    try:
        if role != "worker":
            await server.until_it_serves()
        yield server
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(WAIT_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
                raise AssertionError(f"it does not stop:\n{output_path.read_text()[-2000:]}") from None
