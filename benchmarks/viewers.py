"""Measures the echo in one session while two hundred viewers watch another one that writes without end."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import AsyncExitStack

import httpx
import psutil

from benchmarks.echo import measure_keys, open_terminal, sign_in
from benchmarks.environment import Environment, Server
from benchmarks.rows import Figure, Row, quantile
from tests.support.tmux import Tmux, tmux_server

VIEWERS, PROCESSES = 200, 2
MAX_RATIO = 5.0  # of the echo beside busy viewers to the echo beside idle ones
BUSY_SCRIPT = "read x; while :; do yes | head -n 200000; sleep 0.3; done"


async def run(env: Environment) -> list[Row]:
    times = 200 if env.quick else 1000
    with tmux_server() as tmux, env.database() as database:
        tmux.session("main", "cat")
        tmux.session("busy", "sh", "-c", BUSY_SCRIPT)
        async with (
            env.tenure(database, tmux_socket=str(tmux.socket)) as server,
            sign_in(server) as client,
            open_terminal(server, client) as socket,
        ):
            await measure_keys(socket, 100)
            alone = await measure_keys(socket, times)
            memory = [psutil.Process(server.pid).memory_info().rss]
            async with Viewers(server, client):
                memory.append(psutil.Process(server.pid).memory_info().rss)
                idle = await measure_keys(socket, times)
                start_writing(tmux)
                busy = await measure_keys(socket, times)
                memory.append(psutil.Process(server.pid).memory_info().rss)
    bound = Figure(quantile(idle, 0.5), "ms")
    during = Figure(quantile(busy, 0.5), "ms")
    ok = during.value <= MAX_RATIO * bound.value
    note = f"alone {quantile(alone, 0.5):.2f} ms; p99 {quantile(busy, 0.99):.1f} ms"
    title = f"key to echo while {VIEWERS} others watch `yes`, median"
    growth = (memory[2] - memory[1]) / VIEWERS / 1e6
    return [
        Row("viewers", title, during, bound, "nobody writes", f"<= {MAX_RATIO:.0f} times", ok, note),
        Row("viewers", "memory that each viewer added meanwhile", Figure(growth, "MB")),
        Row("viewers", "memory of each viewer at rest", Figure((memory[1] - memory[0]) / VIEWERS / 1e6, "MB")),
    ]


def start_writing(tmux: Tmux) -> None:
    """Let the busy session write."""
    tmux("send-keys", "-t", "busy", "Enter")


class Viewers(AsyncExitStack):
    """Viewers of the busy session in processes of their own, which read as fast as they can."""

    def __init__(self, server: Server, client: httpx.AsyncClient) -> None:
        super().__init__()
        self._arguments = json.dumps([server.url, client.cookies["tenure_login"], VIEWERS // PROCESSES])

    async def __aenter__(self) -> Viewers:
        await super().__aenter__()
        for _ in range(PROCESSES):
            command = (sys.executable, "-m", "benchmarks.viewers", self._arguments)
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            self.push_async_callback(process.wait)
            self.callback(process.kill)
            assert process.stdout
            await process.stdout.readline()
        return self


async def watch(url: str, cookie: str, count: int) -> None:
    """Open `count` viewers and print a line when all watch. Ends with the process."""
    from websockets.asyncio.client import connect

    address = f"{url.replace('http', 'ws', 1)}/ws/terminal/busy"
    opened = asyncio.Semaphore(0)

    async def view() -> None:
        headers = {"Cookie": f"tenure_login={cookie}"}
        async with connect(address, additional_headers=headers, max_size=None, compression=None, proxy=None) as socket:
            await socket.recv()
            await socket.recv()
            opened.release()
            async for _ in socket:
                pass

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(view())
        for _ in range(count):
            await opened.acquire()
        print("watching", flush=True)


if __name__ == "__main__":
    asyncio.run(watch(*json.loads(sys.argv[1])))
