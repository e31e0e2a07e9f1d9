"""Tenure in processes of its own, as people start it, to be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
from psycopg.conninfo import conninfo_to_dict

from tests.serving import eventually

MAIN = "from infra.main import main; main()"


def url_of(conninfo: str) -> str:
    parts = conninfo_to_dict(conninfo)
    name = parts.pop("dbname")
    return f"postgresql:///{name}?{urlencode(parts)}"


class Apart:
    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process, self.url = process, url

    async def kill(self) -> None:
        """As -9 does it: it has no time for anything."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def apart(database: str, home: Path, tmux_socket: Path, **settings: str) -> AsyncIterator[Apart]:
    """Serving, until the block is left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    given = {"database_url": url_of(database), "home": str(home), "bind": bind, "tmux_socket": str(tmux_socket)}
    given |= {"machines": "docker", "docker_url": "unix:///nowhere", "log_level": "error", **settings}
    environment = {f"TENURE_{name.upper()}": value for name, value in given.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MAIN, "up"), env=os.environ | environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{bind}") as client:

            async def ready() -> bool:
                assert process.returncode is None, "it has not started; it said why"
                try:
                    return (await client.get("/health")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(ready, seconds=60)
        yield Apart(process, f"http://{bind}")
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()
