"""Sends requests of many clients to one URL from another process: `wrk` if installed, else `benchmarks.load_client`."""

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
    """What the clients measured. `refused` counts answers with a status of 400 and more, `broken` missing answers."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def tool() -> str:
    """The name of the program that sends the requests."""
    return "wrk" if shutil.which("wrk") else "the built-in client (slower than the server: install wrk)"


async def load(url: str, seconds: float, body: str = "", clients: int = CLIENTS, user: str = "bench") -> Load:
    """GET the URL, or POST the body to it; each client sends one request after the other. Raises if any fails."""
    headers = [f"x-user: {user}", *(["content-type: application/json"] if body else [])]
    if shutil.which("wrk"):
        printed = await run_wrk(url, seconds, body, clients, headers)
    else:
        own = [sys.executable, "-m", "benchmarks.load_client", url, str(clients), str(seconds), body]
        printed = await run_program([*own, *headers])
    result = Load(**json.loads(printed.splitlines()[-1]))
    if result.refused or result.broken or not result.requests:
        raise RuntimeError(f"{url} did not answer all requests: {result}")
    return result


async def run_wrk(url: str, seconds: float, body: str, clients: int, headers: list[str]) -> bytes:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA.read_text())
        if body:
            script.write(f'\nwrk.method = "POST"\nwrk.body = [==[{body}]==]\n')
        script.flush()
        options = ["-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", script.name]
        return await run_program(["wrk", *options, *(word for header in headers for word in ("-H", header)), url])


async def run_program(command: list[str]) -> bytes:
    """Run a program and return its output. It is killed if this is cancelled."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return printed
