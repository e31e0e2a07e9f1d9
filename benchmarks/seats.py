"""Measures ten seats that type at once, beside docker exec in their containers; and large files, beside docker cp."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import httpx
import psycopg
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.docker import missing_requirement, remove_all
from benchmarks.environment import Environment, Server
from benchmarks.rows import Figure, Row, quantile
from benchmarks.sockets import wait_for_silence
from infra.wiring.templates import OWN_IMAGES

SEATS = 10
MARGIN_MS = 5.0  # over docker exec, at the median
MIN_SPEED_RATIO = 0.5  # to docker cp
KEY_INTERVAL_S = 0.1  # of one seat
MAX_GROWTH_MB = 64
TITLE = f"key to echo, {SEATS} seats at once"


async def run(env: Environment) -> list[Row]:
    if reason := await missing_requirement(OWN_IMAGES["default"]):
        return [Row("seats", TITLE, None, note=f"skipped: {reason}")]
    with env.database() as database:
        settings = {"machines": "docker", "workspace_image": OWN_IMAGES["default"], "requests_per_hour": 10_000}
        try:
            async with env.tenure(database, engine="real", **settings) as server:
                workshop, seats = await start_workshop(server)
                containers = [container_name(database, workshop, seat) for seat in range(1, SEATS + 1)]
                keys = 20 if env.quick else 200
                rows = await measure_echoes(server, seats, containers, keys)
                return rows + await measure_files(server, seats[0], containers[0], env)
        finally:
            with psycopg.connect(database) as conn:
                installation = conn.execute("select id from installation").fetchone()
            assert installation
            await remove_all(str(installation[0]))


async def start_workshop(server: Server) -> tuple[str, list[dict[str, Any]]]:
    """Start a workshop and join all of its seats."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        new = {"name": "bench", "seats": SEATS, "api_key": "sk-none-at-all"}
        workshop = (await client.post("/api/workshops", json=new)).json()["workshop"]
        (await client.post(f"/api/workshops/{workshop['id']}/start")).raise_for_status()
        async with asyncio.timeout(120):
            while (await client.get(f"/api/workshops/{workshop['id']}")).json()["workshop"]["status"] != "running":
                await asyncio.sleep(0.1)
        seats = [(await client.post("/api/join", json={"code": workshop["code"]})).json() for _ in range(SEATS)]
    return workshop["id"], seats


def container_name(database: str, workshop: str, seat: int) -> str:
    """The container of this seat."""
    with psycopg.connect(database) as conn:
        row = conn.execute("select seats from workshops where number = %s", (workshop,)).fetchone()
    assert row
    machine = next(UUID(entry["machine_id"]) for entry in row[0] if entry["seat"] == seat)
    return f"tenure-{machine}"


# -- typing ----------------------------------------------------------------------------------------------------

TypeKey = Callable[[str], Awaitable[None]]  # types a key, and returns when its echo has come


async def measure_echoes(server: Server, seats: list[dict[str, Any]], containers: list[str], keys: int) -> list[Row]:
    """Key to echo through Tenure, beside docker exec."""
    async with AsyncExitStack() as stack:
        terminals = [await open_terminal(stack, server, seat) for seat in seats]
        tenure = await type_at_once(terminals, keys)
    async with AsyncExitStack() as stack:
        bare = await type_at_once([await docker_exec(stack, name) for name in containers], keys)
    rows = []
    for q, name in ((0.5, "median"), (0.99, "p99")):
        measured, bound = Figure(quantile(tenure, q), "ms"), Figure(quantile(bare, q), "ms")
        must = f"<= bound + {MARGIN_MS:.0f} ms" if q == 0.5 else ""
        ok = measured.value <= bound.value + MARGIN_MS if must else None
        rows.append(Row("seats", f"{TITLE}, {name}", measured, bound, "docker exec -it", must, ok, f"{keys} keys each"))
    return rows


async def type_at_once(typers: list[TypeKey], keys: int) -> list[float]:
    """Milliseconds of all keys of all typers, without the first tenth of each."""

    async def type_keys(nth: int, type_key: TypeKey) -> list[float]:
        await asyncio.sleep(KEY_INTERVAL_S * nth / len(typers))
        waits = []
        for key in range(keys):
            began = time.perf_counter()
            await type_key("\r" if key % 70 == 69 else "x")
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(max(0.0, KEY_INTERVAL_S - waits[-1] / 1000))
        return waits[keys // 10 :]

    return [wait for waits in await asyncio.gather(*(type_keys(*pair) for pair in enumerate(typers))) for wait in waits]


async def open_terminal(stack: AsyncExitStack, server: Server, seat: dict[str, Any]) -> TypeKey:
    """Run `cat` in the seat's terminal, until the stack is left."""
    address = f"{server.url.replace('http', 'ws', 1)}/vm/{seat['seat']}/terminal?token={seat['token']}"
    socket: ClientConnection = await stack.enter_async_context(connect(address, max_size=None, proxy=None))

    async def type_key(key: str) -> None:
        await socket.send(json.dumps({"type": "input", "data": key}))
        while json.loads(await socket.recv())["type"] != "output":
            pass

    await type_key("cat\r")
    await wait_for_silence(socket, 0.3)
    return type_key


async def docker_exec(stack: AsyncExitStack, name: str) -> TypeKey:
    """Run `cat` with `docker exec -it`, until the stack is left."""
    terminal, program_side = os.openpty()
    command = ("docker", "exec", "-it", "-u", "tenure", name, "cat")
    process = await asyncio.create_subprocess_exec(
        *command, stdin=program_side, stdout=program_side, stderr=program_side
    )
    os.close(program_side)
    os.set_blocking(terminal, False)
    loop, echoed = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        try:
            os.read(terminal, 65536)
        except OSError:
            loop.remove_reader(terminal)
        echoed.set()

    loop.add_reader(terminal, read)

    async def close() -> None:
        os.write(terminal, b"\x03")
        await process.wait()
        loop.remove_reader(terminal)
        os.close(terminal)

    stack.push_async_callback(close)

    async def type_key(key: str) -> None:
        echoed.clear()
        os.write(terminal, key.encode())
        await echoed.wait()

    await asyncio.sleep(0.5)  # until `cat` runs: an earlier key would be echoed by the terminal on this side
    await type_key("x")
    return type_key


# -- files -----------------------------------------------------------------------------------------------------


async def measure_files(server: Server, seat: dict[str, Any], name: str, env: Environment) -> list[Row]:
    """Large files through Tenure, beside docker cp."""
    megabytes, rounds = (20, 1) if env.quick else (200, 3)
    folder = env.home / "files"
    folder.mkdir()
    line = "def answer(question: str) -> int:  # everybody knows\n"
    text = (line * (megabytes * 2**20 // len(line) + 1))[: megabytes * 2**20]
    (folder / "file").write_text(text)
    (folder / "text").write_text(json.dumps({"content": text, "encoding": "utf-8"}))
    binary = base64.b64encode(os.urandom(megabytes * 2**20)).decode()
    (folder / "binary").write_text(json.dumps({"content": binary, "encoding": "base64"}))
    del text, binary
    (folder / "header").write_text(f"Authorization: Bearer {seat['token']}\n")
    url = f"{server.url}/vm/{seat['seat']}/files/workspace"
    times: dict[str, list[float]] = {}
    before = peak_memory(server.pid)
    for _ in range(rounds):  # in turns, so that other work of the machine slows all
        for operation, command in {
            "docker cp in": ("docker", "cp", "-q", str(folder / "file"), f"{name}:/workspace/cp"),
            "docker cp out": ("docker", "cp", "-q", f"{name}:/workspace/cp", str(folder / "out")),
            "write text": curl(folder, f"{url}/text", "-T", str(folder / "text")),
            "read text": curl(folder, f"{url}/text"),
            "write binary": curl(folder, f"{url}/binary", "-T", str(folder / "binary")),
            "read binary": curl(folder, f"{url}/binary"),
        }.items():
            times.setdefault(operation, []).append(await run_timed(*command))
    growth = peak_memory(server.pid) - before
    rows = []
    for way, bound in (("write", "docker cp in"), ("read", "docker cp out")):
        for kind in ("text", "binary"):
            measured = Figure(megabytes / median(times[f"{way} {kind}"]), "MB/s")
            limit = Figure(megabytes / median(times[bound]), "MB/s")
            ok = measured.value >= MIN_SPEED_RATIO * limit.value
            title = f"{way} {megabytes} MB of {'text' if kind == 'text' else 'base64'}, as JSON"
            rows.append(Row("seats", title, measured, limit, bound, f"ratio >= {MIN_SPEED_RATIO}", ok))
    memory = f"memory that the server used for {rounds * 4} files of {megabytes} MB, at most"
    rows.append(Row("seats", memory, Figure(growth, "MB"), must=f"<= {MAX_GROWTH_MB} MB", ok=growth <= MAX_GROWTH_MB))
    return rows


def curl(folder: Path, *words: str) -> tuple[str, ...]:
    """The command of a request with the seat's token."""
    return ("curl", "-sSf", "-H", "Expect:", "-H", f"@{folder / 'header'}", "-o", os.devnull, *words)


async def run_timed(*command: str) -> float:
    """Seconds that the command takes. Raises if it fails."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=PIPE)
    _, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]}: {errors.decode().strip()}")
    return time.perf_counter() - began


def peak_memory(pid: int) -> float:
    """The most memory that a process ever used, in MB (of 1,048,576 bytes)."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) / 1024
