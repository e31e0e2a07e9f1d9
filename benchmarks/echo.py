"""From a key to its echo on a shared terminal, beside tmux's control mode itself, terminado, and polling."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row, quantile
from tests.support.tmux import Tmux, tmux_server

WHAT = "key to echo"
MEDIAN_MORE, P99_MORE = 2.0, 10.0  # what must hold: so many milliseconds more than control mode itself


async def run(place: Place) -> list[Row]:
    times = 300 if place.quick else 2000
    with tmux_server() as tmux:
        tmux.session("main", "cat")
        bare = await in_control_mode(tmux, times)
        polled = await asyncio.to_thread(by_polling, tmux, times // 10)
        through = await through_tenure(place, tmux, times)
    bound = Figure(quantile(bare, 0.5), "ms"), Figure(quantile(bare, 0.99), "ms")
    rows = []
    for q, limit, more, name in ((0.5, bound[0], MEDIAN_MORE, "median"), (0.99, bound[1], P99_MORE, "p99")):
        measured = Figure(quantile(through, q), "ms")
        ok = measured.value <= limit.value + more
        must = f"<= bound + {more:.0f} ms"
        rows.append(Row("echo", f"{WHAT}, {name}", measured, limit, "tmux -C", must, ok, f"{times} keys"))
    rows.append(Row("echo", f"{WHAT}, capture-pane in a tight loop, median", Figure(quantile(polled, 0.5), "ms")))
    rows.append(await through_terminado(times))
    return rows


async def in_control_mode(tmux: Tmux, times: int) -> list[float]:
    """Milliseconds each: one client, no server between."""
    command = ["tmux", "-N", "-u", "-S", str(tmux.socket), "-C", "attach-session", "-t", "main"]
    pipe = asyncio.subprocess.PIPE
    client = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert client.stdin and client.stdout
    while not (await client.stdout.readline()).startswith(b"%session-changed"):
        pass
    waits = []
    for nth in range(times):
        key = b"0d" if nth % 70 == 69 else b"78"
        began = time.perf_counter()
        client.stdin.write(b"send-keys -t '%%0' -H %s\n" % key)
        while not (await client.stdout.readline()).startswith(b"%output"):
            pass
        waits.append((time.perf_counter() - began) * 1000)
        if key == b"0d":
            await asyncio.sleep(0.01)  # what `cat` repeats comes after the echo
            client.stdin.write(b"display-message -p over\n")
            while (await client.stdout.readline()) != b"over\n":
                pass
    client.stdin.close()
    await client.wait()
    return waits


def by_polling(tmux: Tmux, times: int) -> list[float]:
    """Looking again as soon as the last look is over: nobody polls as hard as that."""
    waits = []
    for _ in range(times):
        before = tmux.screen()
        began = time.perf_counter()
        tmux("send-keys", "-t", "main", "y")
        while tmux.screen() == before:
            pass
        waits.append((time.perf_counter() - began) * 1000)
        tmux("send-keys", "-t", "main", "Enter")
        time.sleep(0.02)
    return waits


async def through_tenure(place: Place, tmux: Tmux, times: int) -> list[float]:
    with place.database() as database:
        async with (
            place.tenure(database, tmux_socket=str(tmux.socket)) as server,
            signed_in(server) as client,
            terminal(server, client) as socket,
        ):
            return await typed(socket, times)


@asynccontextmanager
async def signed_in(server: Server, session: str = "main") -> AsyncIterator[httpx.AsyncClient]:
    """The owner, with a claim on the session."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        await client.get("/auth/dev", params={"name": "bench"})
        async with asyncio.timeout(10):
            while (await client.post(f"/api/sessions/{session}/claim")).status_code != 200:
                await asyncio.sleep(0.05)
        yield client


@asynccontextmanager
async def terminal(server: Server, client: httpx.AsyncClient, session: str = "main") -> AsyncIterator[ClientConnection]:
    """Its socket, once its screen has come."""
    cookie = {"Cookie": f"tenure_login={client.cookies['tenure_login']}"}
    address = f"{server.url.replace('http', 'ws', 1)}/ws/terminal/{session}"
    async with connect(address, additional_headers=cookie, max_size=None, proxy=None) as socket:
        while json.loads(await socket.recv())["type"] != "output":
            pass
        yield socket


async def typed(socket: ClientConnection, times: int) -> list[float]:
    """Milliseconds from each key to its echo."""
    waits = []
    for nth in range(times):
        key = "\r" if nth % 70 == 69 else "x"
        began = time.perf_counter()
        await socket.send(json.dumps({"type": "sendKeys", "keys": key}))
        await output(socket)
        waits.append((time.perf_counter() - began) * 1000)
        if key == "\r":
            await quiet(socket)
    return waits


async def output(socket: ClientConnection) -> dict[str, Any]:
    while True:
        told: dict[str, Any] = json.loads(await socket.recv())
        if told["type"] == "output":
            return told
        if told["type"] == "error":
            raise RuntimeError(told["message"])


async def quiet(socket: ClientConnection) -> None:
    """Until nothing more comes for a moment."""
    try:
        while True:
            async with asyncio.timeout(0.02):
                await socket.recv()
    except TimeoutError:
        return


async def through_terminado(times: int) -> Row:
    """A terminal of its own for each client, so no tmux: a bound of another kind."""
    what = f"{WHAT}, terminado (a pty, no tmux), median"
    try:
        import terminado  # noqa: F401
    except ImportError:
        return Row("echo", what, None, note="skipped: terminado is not installed")
    server = await asyncio.create_subprocess_exec(*SERVE_TERMINADO, stdout=subprocess.PIPE)
    assert server.stdout
    try:
        port = int(await server.stdout.readline())
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as socket:
            await quiet(socket)
            waits = []
            for nth in range(times):
                key = "\r" if nth % 70 == 69 else "x"
                began = time.perf_counter()
                await socket.send(json.dumps(["stdin", key]))
                while json.loads(await socket.recv())[0] != "stdout":
                    pass
                waits.append((time.perf_counter() - began) * 1000)
                if key == "\r":
                    await quiet(socket)
    finally:
        server.kill()
        await server.wait()
    return Row("echo", what, Figure(quantile(waits, 0.5), "ms"), note=f"p99 {quantile(waits, 0.99):.2f} ms")


TERMINADO = """
import tornado.httpserver, tornado.ioloop, tornado.netutil, tornado.web, terminado
manager = terminado.UniqueTermManager(shell_command=["cat"])
app = tornado.web.Application([("/ws", terminado.TermSocket, {"term_manager": manager})])
(socket,) = tornado.netutil.bind_sockets(0, "127.0.0.1")
tornado.httpserver.HTTPServer(app).add_socket(socket)
print(socket.getsockname()[1], flush=True)
tornado.ioloop.IOLoop.current().start()
"""
SERVE_TERMINADO = (sys.executable, "-c", TERMINADO)
