"""The example clients of the reference page of streams and sockets, as whole programs."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.contracts.neptuned.consoles import token
from tests.contracts.neptuned.machines import started
from tests.contracts.neptuned.people import person
from tests.docs.page import ROOT
from tests.support.api_keys import new_key
from tests.support.painted_vms import SIZE, Painted
from tests.support.server import WAIT_TIMEOUT_S, served

pytestmark = pytest.mark.fault("F75")


async def run(name: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "docs" / "examples" / name), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@pytest.mark.parametrize("name", ["follow_events.py", "watch_events.py"])
async def test_the_clients_of_events(database: str, tmp_path: Path, name: str) -> None:
    async with served(database, tmp_path) as tenure, tenure.client("alice") as alice:
        key = (await new_key(alice))["key"]
        assert (await alice.post("/api/v1/workspaces", json={"name": "lab"})).status_code == 200
        program = await run(name, tenure.url, key)
        assert program.stdout
        try:
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                while b"workspace.requested" not in (line := await program.stdout.readline()):
                    assert line, "it ended"
        finally:
            program.kill()
            await program.wait()


async def test_the_client_of_a_machines_display(database: str, tmp_path: Path) -> None:
    hypervisor = Painted()
    async with served(database, tmp_path, hypervisor=hypervisor) as tenure, person(tenure, "ada") as ada:
        await started(ada)
        program = await run("connect.py", tenure.url, token(ada), "lab")
        async with asyncio.timeout(WAIT_TIMEOUT_S * 2):
            output, _ = await program.communicate()
    assert output.decode().splitlines() == [f"{SIZE[0]} x {SIZE[1]}", "pressed Enter"]
    assert [act.kind for act in hypervisor.acts] == ["keypress"]
