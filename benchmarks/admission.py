"""From an approval to a guest who is logged in: a real ssh client, on a real container."""

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

from benchmarks.docker import lacking, tidy
from benchmarks.place import Place
from benchmarks.rows import Figure, Row, quantile

IMAGE = os.environ.get("TENURE_TEST_IMAGE", "tenure-workspace:latest")
MOST = 500  # ms
QUIET = {
    "BatchMode": "yes",
    "IdentitiesOnly": "yes",
    "LogLevel": "ERROR",
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
}
WHAT = "approve to logged in over SSH"


async def run(place: Place) -> list[Row]:
    if why := await lacking(IMAGE):
        return [Row("admission", WHAT, None, note=why)]
    with place.database() as database:
        try:
            async with (
                place.tenure(database, engine="real", machines="docker", workspace_image=IMAGE) as server,
                httpx.AsyncClient(base_url=server.url, timeout=60) as client,
            ):
                taken = await admissions(client, new_key(place.home / "guest"), 3 if place.quick else 20)
        finally:
            with psycopg.connect(database) as conn:
                (installation,) = conn.execute("select id from installation").fetchone() or ("",)
            await tidy(str(installation))
    whole, alone, answered = ([one[nth] for one in taken] for nth in range(3))
    return [
        Row(
            "admission",
            WHAT,
            Figure(median(whole), "ms"),
            Figure(median(alone), "ms"),
            "another login, let in already",
            must=f"median < {MOST} ms",
            ok=median(whole) < MOST,
            note=f"{len(taken)} guests, one after the other; 90 of 100 within {quantile(whole, 0.9):.0f} ms; "
            f"the approval was answered after {median(answered):.0f} ms",
        )
    ]


def new_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


async def admissions(client: httpx.AsyncClient, key: Path, count: int) -> list[tuple[float, float, float]]:
    """Milliseconds from each approval to the end of a login, of a login alone, and from approval to answer."""
    public = key.with_suffix(".pub").read_text()
    owner = await keyed(client, "owner")
    body = {"machine_id": "default", "region": "local", "pub_key": public}
    session = (await client.post("/sessions", json=body, headers=owner)).raise_for_status().json()
    path = f"/sessions/{session['session_id']}"
    port = (await client.get(path, headers=owner)).json()["ssh"]["port"]
    taken = []
    async with aconnect_sse(client, "GET", f"/sse{path.replace('sessions', 'session')}/owner", headers=owner) as told:
        requests = told.aiter_sse()
        for nth in range(count + 1):
            ask = {"pub_key": public, "user": f"guest{nth}"}
            guest, way = await keyed(client, f"guest{nth}"), f"/sse/session/alias/{session['alias']}/guest"
            async with client.stream("POST", way, json=ask, headers=guest):
                it: dict[str, Any] = json.loads((await anext(requests)).data)
                approval = {name: it[name] for name in ("pub_key", "user", "client_ip")}
                began = time.perf_counter()
                answer = await client.post(
                    f"{path}/approve", json=approval | {"joiner_uuid": it["subject_uuid"]}, headers=owner
                )
                answer.raise_for_status()
                answered = time.perf_counter() - began
                await login(key, port, it["user"])
                whole = time.perf_counter() - began
            began = time.perf_counter()
            await login(key, port, it["user"])
            taken.append((whole * 1000, (time.perf_counter() - began) * 1000, answered * 1000))
    return taken[1:]  # the first finds nothing warm


async def keyed(client: httpx.AsyncClient, name: str) -> dict[str, str]:
    made = await client.post("/api/v1/keys", json={"name": "bench"}, headers={"x-user": name})
    return {"x-api-key": made.raise_for_status().json()["key"]}


async def login(key: Path, port: int, user: str) -> None:
    options = [word for name, value in QUIET.items() for word in ("-o", f"{name}={value}")]
    where = ("-i", str(key), "-p", str(port), f"{user}@127.0.0.1", "true")
    process = await asyncio.create_subprocess_exec("ssh", "-F", "none", *options, *where)
    if await process.wait():
        raise RuntimeError("the guest could not log in")
