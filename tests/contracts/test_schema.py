"""Schemathesis compares the running API with its published schema."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from tests.contracts.chrote.people import member
from tests.support.server import Served

LEFT_OUT = {
    "/api/v1/events": "it does not end; its bad parameters are tried in native/test_stream.py",
    "/auth/logout": "nobody would be signed in after it",
    "/api/auth/logout": "the same",
    "/auth/dev": "somebody else would be signed in after it",
    "/api/auth/dev": "the same",
}
NOT_SO_HERE = {
    "ignored_auth": "in development any name is somebody's",
    "positive_data_acceptance": "JSON schema cannot tell which characters are printable",
}
SEED, EXAMPLES, SECONDS = 1, 15, 280


async def test_schemathesis_finds_nothing(tenure: Served, tmp_path: Path) -> None:
    async with member(tenure, "Olga") as olga:
        cookie = "; ".join(f"{name}={value}" for name, value in olga.cookies.items())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{tenure.url}/openapi.json", "--no-color"),
        *("--header", "x-user: alice", "--header", f"Cookie: {cookie}", "--exclude-checks", ",".join(NOT_SO_HERE)),
        *(word for path in LEFT_OUT for word in ("--exclude-path", path)),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    async with asyncio.timeout(SECONDS):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    counted = re.search(r"(\d+) selected / (\d+) total", output.decode())
    assert counted and int(counted[1]) == int(counted[2]) - len(LEFT_OUT)
