"""Two hundred viewers of a session that writes without end: what becomes of the echo in another one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import AsyncExitStack

import httpx
import psutil

from benchmarks.echo import signed_in, terminal, typed
from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row, quantile
from tests.support.tmux import Tmux, tmux_server

VIEWERS, PROCESSES = 200, 2
TIMES = 5.0  # what must hold: echo elsewhere within so many times of its idle figure
BUSY = "read x; while :; do yes | head -n 200000; sleep 0.3; done"


async def run(place: Place) -> list[Row]:
    times = 200 if place.quick else 1000
    with tmux_server() as tmux, place.database() as database:
        tmux.session("main", "cat")
        tmux.session("busy", "sh", "-c", BUSY)
        async with (
            place.tenure(database, tmux_socket=str(tmux.socket)) as server,
            signed_in(server) as client,
            terminal(server, client) as socket,
        ):
            await typed(socket, 100)
            alone = await typed(socket, times)
            memory = [psutil.Process(server.pid).memory_info().rss]
            async with viewers(server, client):
                memory.append(psutil.Process(server.pid).memory_info().rss)
                idle = await typed(socket, times)
                begin(tmux)
                busy = await typed(socket, times)
                memory.append(psutil.Process(server.pid).memory_info().rss)
    bound = Figure(quantile(idle, 0.5), "ms")
    during = Figure(quantile(busy, 0.5), "ms")
    ok = during.value <= TIMES * bound.value
    note = f"alone {quantile(alone, 0.5):.2f} ms; p99 {quantile(busy, 0.99):.1f} ms"
    what = f"key to echo while {VIEWERS} others watch `yes`, median"
    grown = (memory[2] - memory[1]) / VIEWERS / 1e6
    return [
        Row("viewers", what, during, bound, "nobody writes", f"<= {TIMES:.0f} times", ok, note),
        Row("viewers", "memory that each viewer grew by meanwhile", Figure(grown, "MB")),
        Row("viewers", "memory of each viewer at rest", Figure((memory[1] - memory[0]) / VIEWERS / 1e6, "MB")),
    ]


def begin(tmux: Tmux) -> None:
    tmux("send-keys", "-t", "busy", "Enter")


class viewers(AsyncExitStack):
    """In processes of their own, who read as fast as they can."""

    def __init__(self, server: Server, client: httpx.AsyncClient) -> None:
        super().__init__()
        self._asked = json.dumps([server.url, client.cookies["tenure_login"], VIEWERS // PROCESSES])

    async def __aenter__(self) -> viewers:
        await super().__aenter__()
        for _ in range(PROCESSES):
            command = (sys.executable, "-m", "benchmarks.viewers", self._asked)
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            self.push_async_callback(process.wait)
            self.callback(process.kill)
            assert process.stdout
            await process.stdout.readline()
        return self


async def watch(url: str, cookie: str, count: int) -> None:
    """Says a line when all of them watch; ends with the process."""
    from websockets.asyncio.client import connect

    address = f"{url.replace('http', 'ws', 1)}/ws/terminal/busy"
    watching = asyncio.Semaphore(0)

    async def one() -> None:
        headers = {"Cookie": f"tenure_login={cookie}"}
        async with connect(address, additional_headers=headers, max_size=None, compression=None, proxy=None) as socket:
            await socket.recv()
            await socket.recv()
            watching.release()
            async for _ in socket:
                pass

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(one())
        for _ in range(count):
            await watching.acquire()
        print("watching", flush=True)


if __name__ == "__main__":
    asyncio.run(watch(*json.loads(sys.argv[1])))
