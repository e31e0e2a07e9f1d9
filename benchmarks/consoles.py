"""Measures the console of a real VM: its screenshot and its video, each for one client and for many."""

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

from benchmarks.environment import Environment, Server
from benchmarks.rows import Figure, Row, quantile
from tests.support.libvirtd import GUEST, Libvirtd, libvirtd
from tests.support.vms import guest, images, vm_settings

BASE = "/api/v0"
MAX_SCREENSHOT_MS = 100.0
VIEWERS = 500  # of screenshots
MAX_CAPTURES_PER_S = 2.5  # for all viewers, with a margin for where seconds begin
VIEW_INTERVAL_S = 1.0  # of one viewer
WATCHERS, PROCESSES = 64, 4  # of the video
CONSENT_EXPIRES_S = 30  # RFC 7675, section 5.1
MAX_RATIO = 1.2  # of pictures for all watchers to pictures for one
BOOT_S = 15
MAX_DETECTION_S = 2.0  # until the log knows that a machine has died
TITLE = f"CPU of each of {WATCHERS} watchers of a busy console"


async def run(env: Environment) -> list[Row]:
    if reason := missing_requirement():
        return [Row("consoles", TITLE, None, note=f"skipped: {reason}")]
    seconds = 5 if env.quick else 20
    with libvirtd() as daemon, env.database() as database:
        settings = vm_settings(daemon, images(env.home / "images"))
        async with env.tenure(database, **settings) as server, busy_machine(server, daemon) as token:
            rows = await measure_screenshots(server, seconds) + await measure_videos(server, token, seconds)
            return [*rows, await measure_detection(server, daemon, token, 3 if env.quick else 10)]


def missing_requirement() -> str:
    """Return why this cannot run; "" if it can."""
    programs = [name for name in ("libvirtd", "virsh", "qemu-system-x86_64") if not shutil.which(name)]
    if programs or os.geteuid() != 0:
        return f"needs root and {', '.join(programs) or 'nothing else'}"
    return "" if GUEST.exists() else f"there is no {GUEST}: infra/images/guest.sh"


@asynccontextmanager
async def busy_machine(server: Server, daemon: Libvirtd) -> AsyncIterator[str]:
    """Run a machine whose screen changes all the time. Yields an administrator's token."""
    async with httpx.AsyncClient(base_url=f"{server.url}{BASE}", timeout=60) as client:
        response = await client.post("/register", json={"username": "bench", "password": "a long password"})
        token: str = response.raise_for_status().json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        (await client.post("/admin/vms/create", json=guest(autostart=True))).raise_for_status()
        async with asyncio.timeout(60):
            while (await client.get("/admin/vms/lab")).json()["state"] != "running":
                await asyncio.sleep(0.1)
        await asyncio.sleep(BOOT_S)
        (name,) = daemon.domains()
        for key in ("B", "U", "S", "Y", "ENTER"):
            daemon.virsh("send-key", name, f"KEY_{key}")
        yield token
        (await client.delete("/admin/vms/lab")).raise_for_status()
        while daemon.domains():
            await asyncio.sleep(0.1)


async def read_counter(client: httpx.AsyncClient, url: str, name: str) -> float:
    """The sum of a counter of the server over all labels."""
    lines = (await client.get(f"{url}/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def measure_detection(server: Server, daemon: Libvirtd, token: str, times: int) -> Row:
    """How long a machine that was killed or destroyed outside Tenure still counts as running."""
    headers, delays = {"authorization": f"Bearer {token}"}, []
    async with httpx.AsyncClient(base_url=f"{server.url}{BASE}", headers=headers, timeout=60) as client:

        async def wait_for_state(state: str) -> None:
            async with asyncio.timeout(60):
                while (await client.get("/admin/vms/lab")).json()["state"] != state:
                    await asyncio.sleep(0.005)

        await client.patch("/admin/vms/lab", json=[{"op": "replace", "path": "/autostart", "value": False}])
        for nth in range(times):
            began = time.perf_counter()
            if nth % 2:
                await asyncio.to_thread(daemon.virsh, "destroy", daemon.domains()[0])
            else:
                daemon.qemu()[0].kill()
            await wait_for_state("stopped")
            delays.append(time.perf_counter() - began)
            (await client.post("/admin/vms/lab/start")).raise_for_status()
            await wait_for_state("running")
    note = f"of {times}, QEMU killed or the domain destroyed in turn; median {median(delays):.2f} s"
    title = "until the log knows that a machine has died, at most"
    return Row(
        "consoles",
        title,
        Figure(max(delays), "s"),
        None,
        "",
        f"< {MAX_DETECTION_S:.0f} s",
        max(delays) < MAX_DETECTION_S,
        note,
    )


# -- screenshots -------------------------------------------------------------------------------------------------


async def measure_screenshots(server: Server, seconds: int) -> list[Row]:
    """The wait for a screenshot, and the captures for many viewers."""
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
        before, began = await read_counter(client, server.url, "tenure_vm_screenshots_total"), time.perf_counter()
        await asyncio.gather(*(view(client, address, nth / VIEWERS, seconds) for nth in range(VIEWERS)))
        captures = await read_counter(client, server.url, "tenure_vm_screenshots_total") - before
        rate = captures / (time.perf_counter() - began)
    note = f"p99 {quantile(warm, 0.99):.1f} ms; the first, which waits for a picture to be taken: {cold:.0f} ms"
    ok = quantile(warm, 0.99) < MAX_SCREENSHOT_MS
    title = f"screenshots taken for {VIEWERS} viewers, each looking every second"
    return [
        Row("consoles", "screenshot of a machine, median", Figure(median(warm), "ms"), None, "", "< 100 ms", ok, note),
        Row("consoles", title, Figure(rate, "/s"), None, "", f"<= {MAX_CAPTURES_PER_S}/s", rate <= MAX_CAPTURES_PER_S),
    ]


async def view(client: httpx.AsyncClient, address: str, phase: float, seconds: int) -> None:
    """Get a screenshot every second. `phase`, from 0 to 1, spreads viewers over the second."""
    await asyncio.sleep(phase * VIEW_INTERVAL_S)
    for _ in range(seconds):
        began = time.perf_counter()
        (await client.get(address)).raise_for_status()
        await asyncio.sleep(max(0.0, VIEW_INTERVAL_S - (time.perf_counter() - began)))


# -- video -------------------------------------------------------------------------------------------------------


async def measure_videos(server: Server, token: str, seconds: int) -> list[Row]:
    """CPU and pictures for one watcher and for many."""
    async with httpx.AsyncClient(timeout=60) as client:
        async with AsyncExitStack() as stack:
            await start_watchers(stack, server, token, 1, 1)
            one = await measure_load(client, server, seconds)
        async with AsyncExitStack() as stack:
            await start_watchers(stack, server, token, WATCHERS, PROCESSES)
            many = await measure_load(client, server, seconds)
            if (watching := await read_counter(client, server.url, "tenure_vm_watchers")) != WATCHERS:
                raise RuntimeError(too_few_watchers(int(watching), many))
    note = f"of a core: {one.cpu:.0f}% for one watcher, {many.cpu:.0f}% for {WATCHERS}"
    each = (many.cpu - one.cpu) / (WATCHERS - 1)
    rows = [Row("consoles", TITLE, Figure(each, "% of a core"), note=note)]
    for action, for_one, for_many in (
        ("taken", one.captured, many.captured),
        ("encoded", one.encoded, many.encoded),
    ):
        ok = for_many <= MAX_RATIO * for_one
        measured, bound = Figure(for_many, "/s"), Figure(for_one, "/s")
        title = f"pictures {action} for {WATCHERS} watchers"
        rows.append(Row("consoles", title, measured, bound, "for one watcher", f"<= {MAX_RATIO} times", ok))
    return rows


def too_few_watchers(watching: int, load: Load) -> str:
    """What went wrong, and why: with the figures that tell a busy machine from a broken console."""
    return (
        f"{watching} of {WATCHERS} watchers are still connected after {load.seconds:.0f} s. A connection ends when the "
        f"other side does not answer for {CONSENT_EXPIRES_S} s, as on a machine that is too busy. The server used "
        f"{load.cpu:.0f}% of a core for {load.captured:.1f} pictures/s; the machine has {os.cpu_count()} cores and a "
        f"load of {os.getloadavg()[0]:.1f}. End other programs, and measure again."
    )


@dataclass(frozen=True)
class Load:
    """What the server does for its watchers."""

    cpu: float  # % of a core
    captured: float  # pictures a second
    encoded: float
    seconds: float  # that it was measured for


async def measure_load(client: httpx.AsyncClient, server: Server, seconds: int) -> Load:
    """The server's load over so many seconds."""
    process = psutil.Process(server.pid)

    async def read_counters() -> tuple[float, float, float, float]:
        times = process.cpu_times()
        captured = await read_counter(client, server.url, "tenure_vm_captures_total")
        encoded = await read_counter(client, server.url, "tenure_vm_frames_total")
        return time.perf_counter(), times.user + times.system, captured, encoded

    before = await read_counters()
    await asyncio.sleep(seconds)
    after = await read_counters()
    took, cpu, captured, encoded = (b - a for a, b in zip(before, after, strict=True))
    return Load(100 * cpu / took, captured / took, encoded / took, took)


async def start_watchers(stack: AsyncExitStack, server: Server, token: str, count: int, processes: int) -> None:
    """Run watchers in processes of their own, until the stack is left."""
    address = f"{server.url.replace('http', 'ws', 1)}{BASE}/connect/lab?token={token}"
    for _ in range(processes):
        command = (sys.executable, "-m", "benchmarks.consoles", json.dumps([address, count // processes]))
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
        stack.push_async_callback(process.wait)
        stack.callback(process.kill)
        assert process.stdout
        if not await process.stdout.readline():
            raise RuntimeError("the watchers did not start; their output is above")
    await asyncio.sleep(2)  # until the key frames for new watchers are sent


class NullDecoder:
    """Decodes nothing, since decoding would take the CPU that the server is measured on."""

    def decode(self, encoded: object) -> list[object]:
        return []


async def watch(address: str, count: int) -> None:
    """Connect `count` watchers and print a line when all watch. Ends with the process."""
    setattr(aiortc.rtcrtpreceiver, "get_decoder", lambda codec: NullDecoder())  # noqa: B010
    peers = [await connect_peer(address) for _ in range(count)]
    print(len(peers), flush=True)
    await asyncio.Event().wait()


async def connect_peer(address: str) -> RTCPeerConnection:
    """Connect one watcher, and return when its connection is up."""
    peer, connected = RTCPeerConnection(), asyncio.Event()

    def check_state() -> None:
        if peer.connectionState == "connected":
            connected.set()

    peer.on("connectionstatechange", check_state)
    async with connect(address, proxy=None, max_queue=None) as socket:
        offer = json.loads(await socket.recv())["data"]
        await peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
        await peer.setLocalDescription(await peer.createAnswer())
        answer = {"type": "answer", "sdp": peer.localDescription.sdp}
        await socket.send(json.dumps({"event": "answer", "data": answer}))
        async with asyncio.timeout(60):
            await connected.wait()
    return peer


if __name__ == "__main__":
    asyncio.run(watch(*json.loads(sys.argv[1])))
