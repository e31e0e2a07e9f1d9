"""The document's own examples, run as they are printed (V40)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import lacking
from tests.support.server import served

DOCUMENT_PORT = 3000  # the port in the document's examples
SCRIPT = "\n".join(re.findall(r"```bash\n(.*?)```", Path(__file__).with_name("examples.md").read_text(), re.DOTALL))
SECONDS = 60.0  # the examples sleep between their looks


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def run(script: str, home: Path) -> str:
    """Run the script in bash and return its output. Its environment is PATH and HOME alone, without a proxy."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-s",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )
    async with asyncio.timeout(SECONDS):
        printed, complaints = await process.communicate(script.encode())
    assert process.returncode == 0, complaints.decode()
    return printed.decode()


def values(text: str) -> Iterator[Any]:
    """Parse the JSON values in a text, in order."""
    decoder, text = json.JSONDecoder(), text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].strip()


@pytest.mark.line("V40", "V01", "V04", "V07", "V08", "V09", "V11", "V27")
async def test_the_examples_run_word_for_word(database: str, tmp_path: Path) -> None:
    for program in ("bash", "curl", "jq"):
        if not shutil.which(program):
            lacking(program, f"the examples need {program}, which is not there")
    port = DOCUMENT_PORT if is_free(DOCUMENT_PORT) else 0
    async with served(database, tmp_path, port=port) as tenure:
        script = SCRIPT.replace(f"http://localhost:{DOCUMENT_PORT}", tenure.url.replace("127.0.0.1", "localhost"))
        assert port == 0 or script == SCRIPT
        printed = await run(script, tmp_path)

        *polled, last = re.findall(r"^Status: (\w+)$", printed, re.MULTILINE)
        assert set(polled) <= {"creating"} and last == "running"
        connection, listed, deletion = values(printed.rpartition("Status: running")[2])
        assert connection.keys() >= {"container_id", "ssh_command"}
        assert [(workspace["name"], workspace["template"], workspace["ttl_seconds"]) for workspace in listed] == [
            ("test-workspace", "nodejs", 3600)
        ]
        assert listed[0]["connection_info"] == connection
        assert deletion == {"message": "Workspace deleted"}
        async with tenure.client() as alice:
            assert (await alice.get("/api/v1/workspaces")).json() == []
