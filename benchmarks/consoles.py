"""The console of a real machine: its screenshot for one and for many, and its video for one and for many."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median

import aiortc.rtcrtpreceiver
import httpx
import psutil
from aiortc import RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import connect

from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row, quantile
from tests.support.libvirtd import GUEST, Libvirtd, libvirtd
from tests.support.vms import guest, images, vm_settings

BASE = "/api/v0"
WARM_MS = 100.0  # what must hold
VIEWERS, PER_SECOND = 500, 2.5  # of a screenshot; captures that they cost, with some room for where seconds begin
WATCHERS, PROCESSES, TIMES = 64, 4, 1.2  # of the video; encoded pictures against those for one watcher
BOOT = 15  # seconds
TOLD = 2.0  # seconds, at most, until what happens to a machine is in the log
EVERY = 1.0  # seconds between two looks of a viewer
WHAT = f"CPU of each of {WATCHERS} watchers of a busy console"


async def run(place: Place) -> list[Row]:
    if why := lacking():
        return [Row("consoles", WHAT, None, note=f"skipped: {why}")]
    seconds = 5 if place.quick else 20
    with libvirtd() as daemon, place.database() as database:
        settings = vm_settings(daemon, images(place.home / "images"))
        async with place.tenure(database, **settings) as server, machine(server, daemon) as token:
            rows = await screenshots(server, seconds) + await videos(server, token, seconds)
            return [*rows, await told(server, daemon, token, 3 if place.quick else 10)]


def lacking() -> str:
    programs = [name for name in ("libvirtd", "virsh", "qemu-system-x86_64") if not shutil.which(name)]
    if programs or os.geteuid() != 0:
        return f"needs root and {', '.join(programs) or 'nothing else'}"
    return "" if GUEST.exists() else f"there is no {GUEST}: infra/images/guest.sh"


@asynccontextmanager
async def machine(server: Server, daemon: Libvirtd) -> AsyncIterator[str]:
    """One whose screen never rests; the token of who may do all."""
    async with httpx.AsyncClient(base_url=f"{server.url}{BASE}", timeout=60) as client:
        told = await client.post("/register", json={"username": "bench", "password": "a long password"})
        token: str = told.raise_for_status().json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        (await client.post("/admin/vms/create", json=guest(autostart=True))).raise_for_status()
        async with asyncio.timeout(60):
            while (await client.get("/admin/vms/lab")).json()["state"] != "running":
                await asyncio.sleep(0.1)
        await asyncio.sleep(BOOT)
        (name,) = daemon.domains()
        for key in ("B", "U", "S", "Y", "ENTER"):
            daemon.virsh("send-key", name, f"KEY_{key}")
        yield token
        (await client.delete("/admin/vms/lab")).raise_for_status()
        while daemon.domains():
            await asyncio.sleep(0.1)


async def counted(client: httpx.AsyncClient, url: str, name: str) -> float:
    """A counter of the server, over all of its labels."""
    lines = (await client.get(f"{url}/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def told(server: Server, daemon: Libvirtd, token: str, times: int) -> Row:
    """How long a machine is shown to run that was killed or destroyed behind our back."""
    headers, late = {"authorization": f"Bearer {token}"}, []
    async with httpx.AsyncClient(base_url=f"{server.url}{BASE}", headers=headers, timeout=60) as client:

        async def state(*wanted: str) -> None:
            async with asyncio.timeout(60):
                while (await client.get("/admin/vms/lab")).json()["state"] not in wanted:
                    await asyncio.sleep(0.005)

        await client.patch("/admin/vms/lab", json=[{"op": "replace", "path": "/autostart", "value": False}])
        for nth in range(times):
            began = time.perf_counter()
            if nth % 2:
                await asyncio.to_thread(daemon.virsh, "destroy", daemon.domains()[0])
            else:
                daemon.qemu()[0].kill()
            await state("stopped")
            late.append(time.perf_counter() - began)
            (await client.post("/admin/vms/lab/start")).raise_for_status()
            await state("running")
    note = f"of {times}, QEMU killed or the domain destroyed in turn; median {median(late):.2f} s"
    what = "until the log knows that a machine has died, at most"
    return Row("consoles", what, Figure(max(late), "s"), None, "", f"< {TOLD:.0f} s", max(late) < TOLD, note)


# -- screenshots -------------------------------------------------------------------------------------------------


async def screenshots(server: Server, seconds: int) -> list[Row]:
    limits = httpx.Limits(max_connections=100)
    address = f"{server.url}{BASE}/screenshot/lab"
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        began = time.perf_counter()
        (await client.get(address)).raise_for_status()
        cold = (time.perf_counter() - began) * 1000
        warm = []
        for _ in range(seconds * 10):
            began = time.perf_counter()
            await client.get(address)
            warm.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.1)
        before, began = await counted(client, server.url, "tenure_vm_screenshots_total"), time.perf_counter()
        await asyncio.gather(*(viewer(client, address, nth / VIEWERS, seconds) for nth in range(VIEWERS)))
        taken = await counted(client, server.url, "tenure_vm_screenshots_total") - before
        rate = taken / (time.perf_counter() - began)
    note = f"p99 {quantile(warm, 0.99):.1f} ms; the first, which waits for a picture to be taken: {cold:.0f} ms"
    ok = quantile(warm, 0.99) < WARM_MS
    what = f"screenshots taken for {VIEWERS} viewers, each looking every second"
    return [
        Row("consoles", "screenshot of a machine, median", Figure(median(warm), "ms"), None, "", "< 100 ms", ok, note),
        Row("consoles", what, Figure(rate, "/s"), None, "", f"<= {PER_SECOND}/s", rate <= PER_SECOND),
    ]


async def viewer(client: httpx.AsyncClient, address: str, late: float, seconds: int) -> None:
    await asyncio.sleep(late * EVERY)
    for _ in range(seconds):
        began = time.perf_counter()
        (await client.get(address)).raise_for_status()
        await asyncio.sleep(max(0.0, EVERY - (time.perf_counter() - began)))


# -- video -------------------------------------------------------------------------------------------------------


async def videos(server: Server, token: str, seconds: int) -> list[Row]:
    async with httpx.AsyncClient(timeout=60) as client:
        async with AsyncExitStack() as stack:
            await watching(stack, server, token, 1, 1)
            one = await measured(client, server, seconds)
        async with AsyncExitStack() as stack:
            await watching(stack, server, token, WATCHERS, PROCESSES)
            many = await measured(client, server, seconds)
            if await counted(client, server.url, "tenure_vm_watchers") != WATCHERS:
                raise RuntimeError("not all of them watch")
    note = f"of a core: {one.cpu:.0f}% for one watcher, {many.cpu:.0f}% for {WATCHERS}"
    each = (many.cpu - one.cpu) / (WATCHERS - 1)
    rows = [Row("consoles", WHAT, Figure(each, "% of a core"), note=note)]
    for what, for_one, for_many in (
        ("taken", one.captured, many.captured),
        ("encoded", one.encoded, many.encoded),
    ):
        ok = for_many <= TIMES * for_one
        measured_, bound = Figure(for_many, "/s"), Figure(for_one, "/s")
        said = f"pictures {what} for {WATCHERS} watchers"
        rows.append(Row("consoles", said, measured_, bound, "for one watcher", f"<= {TIMES} times", ok))
    return rows


@dataclass(frozen=True)
class Load:
    cpu: float  # % of a core
    captured: float  # pictures a second
    encoded: float


async def measured(client: httpx.AsyncClient, server: Server, seconds: int) -> Load:
    process = psutil.Process(server.pid)

    async def look() -> tuple[float, float, float, float]:
        spent = process.cpu_times()
        captured = await counted(client, server.url, "tenure_vm_captures_total")
        encoded = await counted(client, server.url, "tenure_vm_frames_total")
        return time.perf_counter(), spent.user + spent.system, captured, encoded

    before = await look()
    await asyncio.sleep(seconds)
    after = await look()
    took, cpu, captured, encoded = (b - a for a, b in zip(before, after, strict=True))
    return Load(100 * cpu / took, captured / took, encoded / took)


async def watching(stack: AsyncExitStack, server: Server, token: str, count: int, processes: int) -> None:
    """Until the stack is left, in processes of their own."""
    address = f"{server.url.replace('http', 'ws', 1)}{BASE}/connect/lab?token={token}"
    for _ in range(processes):
        command = (sys.executable, "-m", "benchmarks.consoles", json.dumps([address, count // processes]))
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
        stack.push_async_callback(process.wait)
        stack.callback(process.kill)
        assert process.stdout
        if not await process.stdout.readline():
            raise RuntimeError("the watchers did not start; what they said is above")
    await asyncio.sleep(2)  # until what was asked for at the beginning has been sent


class Blind:
    """A decoder that decodes nothing: it is the server that is measured."""

    def decode(self, encoded: object) -> list[object]:
        return []


async def watch(address: str, count: int) -> None:
    """Says a line when all of them watch; ends with the process."""
    setattr(aiortc.rtcrtpreceiver, "get_decoder", lambda codec: Blind())  # noqa: B010
    peers = [await connected(address) for _ in range(count)]
    print(len(peers), flush=True)
    await asyncio.Event().wait()


async def connected(address: str) -> RTCPeerConnection:
    peer, there = RTCPeerConnection(), asyncio.Event()

    def changed() -> None:
        if peer.connectionState == "connected":
            there.set()

    peer.on("connectionstatechange", changed)
    async with connect(address, proxy=None, max_queue=None) as socket:
        offer = json.loads(await socket.recv())["data"]
        await peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
        await peer.setLocalDescription(await peer.createAnswer())
        answer = {"type": "answer", "sdp": peer.localDescription.sdp}
        await socket.send(json.dumps({"event": "answer", "data": answer}))
        async with asyncio.timeout(60):
            await there.wait()
    return peer


if __name__ == "__main__":
    asyncio.run(watch(*json.loads(sys.argv[1])))
