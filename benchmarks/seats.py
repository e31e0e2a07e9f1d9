"""Ten seats that type at once, beside docker exec into the same containers; large files, beside docker cp."""

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

from benchmarks.docker import lacking, tidy
from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row, quantile
from infra.wiring.workspaces import OWN_IMAGE

SEATS = 10
MORE_MS = 5.0  # what must hold: so much more than docker exec, at the median
SPEED = 0.5  # of docker cp's
RHYTHM = 0.1  # seconds between one seat's keys
GROWTH = 64  # megabytes
WHAT = f"key to echo, {SEATS} seats at once"


async def run(place: Place) -> list[Row]:
    if why := await lacking(OWN_IMAGE):
        return [Row("seats", WHAT, None, note=f"skipped: {why}")]
    with place.database() as database:
        settings = {"machines": "docker", "workspace_image": OWN_IMAGE, "requests_per_hour": 10_000}
        try:
            async with place.tenure(database, engine="real", **settings) as server:
                workshop, seats = await joined(server)
                containers = [container(database, workshop, seat) for seat in range(1, SEATS + 1)]
                keys = 20 if place.quick else 200
                rows = await echoes(server, seats, containers, keys)
                return rows + await files(server, seats[0], containers[0], place)
        finally:
            with psycopg.connect(database) as conn:
                found = conn.execute("select id from installation").fetchone()
            assert found
            await tidy(str(found[0]))


async def joined(server: Server) -> tuple[str, list[dict[str, Any]]]:
    """A running workshop, all of whose seats are taken."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        new = {"name": "bench", "seats": SEATS, "api_key": "sk-none-at-all"}
        workshop = (await client.post("/api/workshops", json=new)).json()["workshop"]
        (await client.post(f"/api/workshops/{workshop['id']}/start")).raise_for_status()
        async with asyncio.timeout(120):
            while (await client.get(f"/api/workshops/{workshop['id']}")).json()["workshop"]["status"] != "running":
                await asyncio.sleep(0.1)
        seats = [(await client.post("/api/join", json={"code": workshop["code"]})).json() for _ in range(SEATS)]
    return workshop["id"], seats


def container(database: str, workshop: str, seat: int) -> str:
    with psycopg.connect(database) as conn:
        row = conn.execute("select seats from workshops where number = %s", (workshop,)).fetchone()
    assert row
    machine = next(UUID(it["machine_id"]) for it in row[0] if it["seat"] == seat)
    return f"tenure-{machine}"


# -- typing ----------------------------------------------------------------------------------------------------

Typed = Callable[[str], Awaitable[None]]  # types a key, and returns when its echo has come


async def echoes(server: Server, seats: list[dict[str, Any]], containers: list[str], keys: int) -> list[Row]:
    async with AsyncExitStack() as stack:
        terminals = [await terminal(stack, server, seat) for seat in seats]
        through = await at_once(terminals, keys)
    async with AsyncExitStack() as stack:
        bare = await at_once([await exec_(stack, name) for name in containers], keys)
    rows = []
    for q, name in ((0.5, "median"), (0.99, "p99")):
        measured, bound = Figure(quantile(through, q), "ms"), Figure(quantile(bare, q), "ms")
        must = f"<= bound + {MORE_MS:.0f} ms" if q == 0.5 else ""
        ok = measured.value <= bound.value + MORE_MS if must else None
        rows.append(Row("seats", f"{WHAT}, {name}", measured, bound, "docker exec -it", must, ok, f"{keys} keys each"))
    return rows


async def at_once(typers: list[Typed], keys: int) -> list[float]:
    """Milliseconds, of all of them."""

    async def one(nth: int, typed: Typed) -> list[float]:
        await asyncio.sleep(RHYTHM * nth / len(typers))
        waits = []
        for key in range(keys):
            began = time.perf_counter()
            await typed("\r" if key % 70 == 69 else "x")
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(max(0.0, RHYTHM - waits[-1] / 1000))
        return waits[keys // 10 :]

    return [wait for waits in await asyncio.gather(*(one(*it) for it in enumerate(typers))) for wait in waits]


async def terminal(stack: AsyncExitStack, server: Server, seat: dict[str, Any]) -> Typed:
    address = f"{server.url.replace('http', 'ws', 1)}/vm/{seat['seat']}/terminal?token={seat['token']}"
    socket: ClientConnection = await stack.enter_async_context(connect(address, max_size=None, proxy=None))

    async def typed(key: str) -> None:
        await socket.send(json.dumps({"type": "input", "data": key}))
        while json.loads(await socket.recv())["type"] != "output":
            pass

    await typed("cat\r")
    await quiet(socket)
    return typed


async def quiet(socket: ClientConnection) -> None:
    try:
        while True:
            async with asyncio.timeout(0.3):
                await socket.recv()
    except TimeoutError:
        return


async def exec_(stack: AsyncExitStack, name: str) -> Typed:
    """The command line's own, with a terminal."""
    ours, theirs = os.openpty()
    command = ("docker", "exec", "-it", "-u", "tenure", name, "cat")
    process = await asyncio.create_subprocess_exec(*command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.set_blocking(ours, False)
    loop, came = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        try:
            os.read(ours, 65536)
        except OSError:
            loop.remove_reader(ours)
        came.set()

    loop.add_reader(ours, read)

    async def close() -> None:
        os.write(ours, b"\x03")
        await process.wait()
        loop.remove_reader(ours)
        os.close(ours)

    stack.push_async_callback(close)

    async def typed(key: str) -> None:
        came.clear()
        os.write(ours, key.encode())
        await came.wait()

    await asyncio.sleep(0.5)  # until it is there; a key before that would be echoed by the terminal here
    await typed("x")
    return typed


# -- files -----------------------------------------------------------------------------------------------------


async def files(server: Server, seat: dict[str, Any], name: str, place: Place) -> list[Row]:
    megabytes, turns = (20, 1) if place.quick else (200, 3)
    folder = place.home / "files"
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
    seen: dict[str, list[float]] = {}
    before = resident(server.pid)
    for _ in range(turns):  # in turns, so that what else the machine does hits all
        for what, command in {
            "docker cp in": ("docker", "cp", "-q", str(folder / "file"), f"{name}:/workspace/cp"),
            "docker cp out": ("docker", "cp", "-q", f"{name}:/workspace/cp", str(folder / "out")),
            "write text": curl(folder, f"{url}/text", "-T", str(folder / "text")),
            "read text": curl(folder, f"{url}/text"),
            "write binary": curl(folder, f"{url}/binary", "-T", str(folder / "binary")),
            "read binary": curl(folder, f"{url}/binary"),
        }.items():
            seen.setdefault(what, []).append(await seconds(*command))
    grown = resident(server.pid) - before
    rows = []
    for way, bound in (("write", "docker cp in"), ("read", "docker cp out")):
        for kind in ("text", "binary"):
            measured = Figure(megabytes / median(seen[f"{way} {kind}"]), "MB/s")
            limit = Figure(megabytes / median(seen[bound]), "MB/s")
            ok = measured.value >= SPEED * limit.value
            what = f"{way} {megabytes} MB of {'text' if kind == 'text' else 'base64'}, as JSON"
            rows.append(Row("seats", what, measured, limit, bound, f"ratio >= {SPEED}", ok))
    memory = f"memory that the server took for {turns * 4} files of {megabytes} MB, at most"
    rows.append(Row("seats", memory, Figure(grown, "MB"), must=f"<= {GROWTH} MB", ok=grown <= GROWTH))
    return rows


def curl(folder: Path, *words: str) -> tuple[str, ...]:
    return ("curl", "-sSf", "-H", "Expect:", "-H", f"@{folder / 'header'}", "-o", os.devnull, *words)


async def seconds(*command: str) -> float:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=PIPE)
    _, complained = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]}: {complained.decode().strip()}")
    return time.perf_counter() - began


def resident(pid: int) -> float:
    """The most that a process ever had, in megabytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024
