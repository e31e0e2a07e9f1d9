"""Many clients at once against one address, from another process: `wrk` where it is installed, else our own."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

LUA = Path(__file__).with_name("load.lua")
CLIENTS = 128


@dataclass(frozen=True)
class Load:
    """What the clients saw. Answers of 400 and more are `refused`, no answer at all is `broken`."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def tool() -> str:
    return "wrk" if shutil.which("wrk") else "our own client (slower than the server: install wrk)"


async def load(url: str, seconds: float, body: str = "", clients: int = CLIENTS, user: str = "bench") -> Load:
    """GET it, or POST the body to it, each client one request after the other. Raises if any was refused."""
    headers = [f"x-user: {user}", *(["content-type: application/json"] if body else [])]
    if shutil.which("wrk"):
        said = await wrk(url, seconds, body, clients, headers)
    else:
        own = [sys.executable, "-m", "benchmarks.load_client", url, str(clients), str(seconds), body]
        said = await output([*own, *headers])
    seen = Load(**json.loads(said.splitlines()[-1]))
    if seen.refused or seen.broken or not seen.requests:
        raise RuntimeError(f"{url} did not answer all: {seen}")
    return seen


async def wrk(url: str, seconds: float, body: str, clients: int, headers: list[str]) -> bytes:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA.read_text())
        if body:
            script.write(f'\nwrk.method = "POST"\nwrk.body = [==[{body}]==]\n')
        script.flush()
        how = ["-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", script.name]
        return await output(["wrk", *how, *(word for header in headers for word in ("-H", header)), url])


async def output(command: list[str]) -> bytes:
    """What it says. Should this be cut off, it is killed."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return said
