"""Measures the time from a key to its echo on a shared terminal, beside tmux's control mode, terminado and polling."""

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

from benchmarks.environment import Environment, Server
from benchmarks.rows import Figure, Row, quantile
from benchmarks.sockets import wait_for_silence
from tests.support.tmux import Tmux, tmux_server

TITLE = "key to echo"
MEDIAN_MARGIN_MS, P99_MARGIN_MS = 2.0, 10.0  # over control mode


async def run(env: Environment) -> list[Row]:
    times = 300 if env.quick else 2000
    with tmux_server() as tmux:
        tmux.session("main", "cat")
        bare = await measure_control_mode(tmux, times)
        polling = await asyncio.to_thread(measure_polling, tmux, times // 10)
        tenure = await measure_tenure(env, tmux, times)
    bound = Figure(quantile(bare, 0.5), "ms"), Figure(quantile(bare, 0.99), "ms")
    rows = []
    for q, limit, margin, name in ((0.5, bound[0], MEDIAN_MARGIN_MS, "median"), (0.99, bound[1], P99_MARGIN_MS, "p99")):
        measured = Figure(quantile(tenure, q), "ms")
        ok = measured.value <= limit.value + margin
        must = f"<= bound + {margin:.0f} ms"
        rows.append(Row("echo", f"{TITLE}, {name}", measured, limit, "tmux -C", must, ok, f"{times} keys"))
    rows.append(Row("echo", f"{TITLE}, capture-pane in a tight loop, median", Figure(quantile(polling, 0.5), "ms")))
    rows.append(await measure_terminado(times))
    return rows


async def measure_control_mode(tmux: Tmux, times: int) -> list[float]:
    """Milliseconds of each key with one client in control mode, without a server between."""
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
            await asyncio.sleep(0.01)  # the line that `cat` repeats comes after the echo
            client.stdin.write(b"display-message -p over\n")
            while (await client.stdout.readline()) != b"over\n":
                pass
    client.stdin.close()
    await client.wait()
    return waits


def measure_polling(tmux: Tmux, times: int) -> list[float]:
    """Milliseconds of each key by capture-pane in a loop without pauses, the fastest polling there is."""
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


async def measure_tenure(env: Environment, tmux: Tmux, times: int) -> list[float]:
    """Milliseconds of each key through Tenure."""
    with env.database() as database:
        async with (
            env.tenure(database, tmux_socket=str(tmux.socket)) as server,
            sign_in(server) as client,
            open_terminal(server, client) as socket,
        ):
            return await measure_keys(socket, times)


@asynccontextmanager
async def sign_in(server: Server, session: str = "main") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the owner, who claims the session."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        await client.get("/auth/dev", params={"name": "bench"})
        async with asyncio.timeout(10):
            while (await client.post(f"/api/sessions/{session}/claim")).status_code != 200:
                await asyncio.sleep(0.05)
        yield client


@asynccontextmanager
async def open_terminal(
    server: Server, client: httpx.AsyncClient, session: str = "main"
) -> AsyncIterator[ClientConnection]:
    """The socket of the session's terminal, after its screen has arrived."""
    cookie = {"Cookie": f"tenure_login={client.cookies['tenure_login']}"}
    address = f"{server.url.replace('http', 'ws', 1)}/ws/terminal/{session}"
    async with connect(address, additional_headers=cookie, max_size=None, proxy=None) as socket:
        while json.loads(await socket.recv())["type"] != "output":
            pass
        yield socket


async def measure_keys(socket: ClientConnection, times: int) -> list[float]:
    """Milliseconds from each key to its echo."""
    waits = []
    for nth in range(times):
        key = "\r" if nth % 70 == 69 else "x"
        began = time.perf_counter()
        await socket.send(json.dumps({"type": "sendKeys", "keys": key}))
        await next_output(socket)
        waits.append((time.perf_counter() - began) * 1000)
        if key == "\r":
            await wait_for_silence(socket, 0.02)
    return waits


async def next_output(socket: ClientConnection) -> dict[str, Any]:
    """The next message with output. Raises for an error."""
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] == "output":
            return message
        if message["type"] == "error":
            raise RuntimeError(message["message"])


async def measure_terminado(times: int) -> Row:
    """The same with terminado, which gives each client a terminal of its own, without tmux."""
    title = f"{TITLE}, terminado (a pty, no tmux), median"
    try:
        import terminado  # noqa: F401
    except ImportError:
        return Row("echo", title, None, note="skipped: terminado is not installed")
    server = await asyncio.create_subprocess_exec(*SERVE_TERMINADO, stdout=subprocess.PIPE)
    assert server.stdout
    try:
        port = int(await server.stdout.readline())
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as socket:
            await wait_for_silence(socket, 0.02)
            waits = []
            for nth in range(times):
                key = "\r" if nth % 70 == 69 else "x"
                began = time.perf_counter()
                await socket.send(json.dumps(["stdin", key]))
                while json.loads(await socket.recv())[0] != "stdout":
                    pass
                waits.append((time.perf_counter() - began) * 1000)
                if key == "\r":
                    await wait_for_silence(socket, 0.02)
    finally:
        server.kill()
        await server.wait()
    return Row("echo", title, Figure(quantile(waits, 0.5), "ms"), note=f"p99 {quantile(waits, 0.99):.2f} ms")


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
