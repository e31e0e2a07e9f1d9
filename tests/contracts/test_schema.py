"""What is published about the API, held against it with requests that nobody would think of."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from tests.serving import Served

STREAM = "/api/v1/events"  # it does not end; its bad parameters are tried in native/test_stream.py
NOT_SO_HERE = {
    "ignored_auth": "in development any name is somebody's",
    "positive_data_acceptance": "JSON schema cannot tell which characters are printable",
}
SEED, EXAMPLES, SECONDS = 1, 30, 240


async def test_schemathesis_finds_nothing(tenure: Served, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{tenure.url}/openapi.json", "--no-color"),
        *("--header", "x-user: alice", "--exclude-path", STREAM, "--exclude-checks", ",".join(NOT_SO_HERE)),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    async with asyncio.timeout(SECONDS):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    counted = re.search(r"(\d+) selected / (\d+) total", said.decode())
    assert counted and int(counted[1]) == int(counted[2]) - 1
