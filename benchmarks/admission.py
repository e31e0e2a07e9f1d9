"""Measures the time from an approval until the guest is logged in, with a real ssh client on a real container."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psycopg
from httpx_sse import aconnect_sse

from benchmarks.docker import missing_requirement, remove_all
from benchmarks.environment import Environment
from benchmarks.rows import Figure, Row, quantile

IMAGE = os.environ.get("TENURE_TEST_IMAGE", "tenure-workspace:latest")
MAX_MEDIAN_MS = 500
SSH_OPTIONS = {
    "BatchMode": "yes",
    "IdentitiesOnly": "yes",
    "LogLevel": "ERROR",
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
}
TITLE = "approve to logged in over SSH"


async def run(env: Environment) -> list[Row]:
    if reason := await missing_requirement(IMAGE):
        return [Row("admission", TITLE, None, note=reason)]
    with env.database() as database:
        try:
            async with (
                env.tenure(database, engine="real", machines="docker", workspace_image=IMAGE) as server,
                httpx.AsyncClient(base_url=server.url, timeout=60) as client,
            ):
                samples = await measure_admissions(client, new_key(env.home / "guest"), 3 if env.quick else 20)
        finally:
            with psycopg.connect(database) as conn:
                (installation,) = conn.execute("select id from installation").fetchone() or ("",)
            await remove_all(str(installation))
    whole, alone, answered = ([sample[column] for sample in samples] for column in range(3))
    return [
        Row(
            "admission",
            TITLE,
            Figure(median(whole), "ms"),
            Figure(median(alone), "ms"),
            "another login of the same guest",
            must=f"median < {MAX_MEDIAN_MS} ms",
            ok=median(whole) < MAX_MEDIAN_MS,
            note=f"{len(samples)} guests, one after the other; 90 of 100 within {quantile(whole, 0.9):.0f} ms; "
            f"the approval was answered after {median(answered):.0f} ms",
        )
    ]


def new_key(path: Path) -> Path:
    """Create an SSH key in this file."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


async def measure_admissions(client: httpx.AsyncClient, key: Path, count: int) -> list[tuple[float, float, float]]:
    """Milliseconds from each approval to the end of a login, of a login alone, and from approval to its answer."""
    public = key.with_suffix(".pub").read_text()
    owner = await key_headers(client, "owner")
    body = {"machine_id": "default", "region": "local", "pub_key": public}
    session = (await client.post("/sessions", json=body, headers=owner)).raise_for_status().json()
    path = f"/sessions/{session['session_id']}"
    port = (await client.get(path, headers=owner)).json()["ssh"]["port"]
    samples = []
    async with aconnect_sse(client, "GET", f"/sse{path.replace('sessions', 'session')}/owner", headers=owner) as stream:
        requests = stream.aiter_sse()
        for nth in range(count + 1):
            ask = {"pub_key": public, "user": f"guest{nth}"}
            guest, path_of_guest = (
                await key_headers(client, f"guest{nth}"),
                f"/sse/session/alias/{session['alias']}/guest",
            )
            async with client.stream("POST", path_of_guest, json=ask, headers=guest):
                request: dict[str, Any] = json.loads((await anext(requests)).data)
                approval = {name: request[name] for name in ("pub_key", "user", "client_ip")}
                began = time.perf_counter()
                response = await client.post(
                    f"{path}/approve", json=approval | {"joiner_uuid": request["subject_uuid"]}, headers=owner
                )
                response.raise_for_status()
                answered = time.perf_counter() - began
                await login(key, port, request["user"])
                whole = time.perf_counter() - began
            began = time.perf_counter()
            await login(key, port, request["user"])
            samples.append((whole * 1000, (time.perf_counter() - began) * 1000, answered * 1000))
    return samples[1:]  # the first one fills caches


async def key_headers(client: httpx.AsyncClient, name: str) -> dict[str, str]:
    """Headers with a new API key of this user."""
    response = await client.post("/api/v1/keys", json={"name": "bench"}, headers={"x-user": name})
    return {"x-api-key": response.raise_for_status().json()["key"]}


async def login(key: Path, port: int, user: str) -> None:
    """Log in with ssh, run `true` and log out. Raises if that fails."""
    options = [word for name, value in SSH_OPTIONS.items() for word in ("-o", f"{name}={value}")]
    target = ("-i", str(key), "-p", str(port), f"{user}@127.0.0.1", "true")
    process = await asyncio.create_subprocess_exec("ssh", "-F", "none", *options, *target)
    if await process.wait():
        raise RuntimeError("the guest could not log in")
