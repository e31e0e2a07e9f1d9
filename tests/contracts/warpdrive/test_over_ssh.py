"""Joining with a real ssh client: the approved key logs in, another is refused, and revoking disconnects."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from application.ports.errors import EngineRefused
from application.ports.ssh_access import Admission
from tests.contracts.warpdrive.people import (
    approve,
    asking,
    guests,
    host,
    keyholder,
    public_key,
    watching,
)
from tests.infra.docker.test_ssh import greeting, ssh
from tests.support.engines import IMAGE, TEMPLATE, DockerEngine, opened
from tests.support.server import eventually, served

REFUSED_STATUS = 255  # ssh exits with this when it cannot log in


@pytest.fixture
async def engine() -> AsyncIterator[DockerEngine]:
    async with opened("docker", Path()) as engine:
        assert isinstance(engine, DockerEngine)
        yield engine


def new_key(path: Path) -> tuple[Path, str]:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path, path.with_suffix(".pub").read_text().strip()


@pytest.mark.line("W13", "W16")
async def test_the_whole_story(engine: DockerEngine, database: str, tmp_path: Path) -> None:
    hers, her_key = new_key(tmp_path / "hers")
    his, his_key = new_key(tmp_path / "his")
    async with (
        served(database, tmp_path, engine.machines, workspace_image=IMAGE) as tenure,
        keyholder(tenure, "anna") as anna,
        keyholder(tenure, "ben") as ben,
    ):
        session = await host(anna, pub_key=her_key)
        path = f"/sessions/{session['session_id']}"
        at = (await anna.get(path)).json()["ssh"]
        port: int = at["port"]
        assert at == {"host": "127.0.0.1", "port": port, "user": "tenure", "command": f"ssh -p {port} tenure@127.0.0.1"}
        await greeting(port)
        result = await asyncio.to_thread(ssh, port, hers, "tenure@127.0.0.1", "whoami")
        assert result.stdout == "tenure\n", result.stderr
        assert (await asyncio.to_thread(ssh, port, his, "tenure@127.0.0.1", "true")).returncode == REFUSED_STATUS

        async with watching(anna, session) as owner, asking(ben, session, key=his_key) as guest:
            request = await owner.next("join_requested")
            assert (await asyncio.to_thread(ssh, port, his, "bob@127.0.0.1", "true")).returncode == REFUSED_STATUS
            assert (await approve(anna, session, request)).status_code == 200
            result = await asyncio.to_thread(ssh, port, his, "bob@127.0.0.1", "whoami; groups; pwd")
            assert result.stdout.split() == ["bob", "bob", "guests", "/home/bob"], result.stderr
            assert await guest.next("join_request_outcome") == {"status": "approved"}
        assert (await asyncio.to_thread(ssh, port, hers, "bob@127.0.0.1", "true")).returncode == REFUSED_STATUS
        # What he puts there himself opens nothing.
        add_key = "mkdir -p .ssh && chmod 700 .ssh && cat > .ssh/authorized_keys"
        await asyncio.to_thread(ssh, port, his, "bob@127.0.0.1", f"echo '{her_key}' | ({add_key})")
        assert (await asyncio.to_thread(ssh, port, hers, "bob@127.0.0.1", "true")).returncode == REFUSED_STATUS

        forever = "trap '' HUP TERM; touch /tmp/here; while :; do sleep 1 & wait; done"
        inside = asyncio.create_task(asyncio.to_thread(ssh, port, his, "bob@127.0.0.1", forever))
        await eventually(lambda: is_there(port, hers, "/tmp/here"))
        assert (await anna.delete(f"{path}/guests/{request['subject_uuid']}")).status_code == 200

        async def is_out() -> bool:
            return await guests(anna, session) == []

        await eventually(is_out)
        assert (await inside).returncode == REFUSED_STATUS  # the connection is gone
        assert (await asyncio.to_thread(ssh, port, his, "bob@127.0.0.1", "true")).returncode == REFUSED_STATUS
        left = await asyncio.to_thread(
            ssh, port, hers, "tenure@127.0.0.1", "ps -A -o user= | sort -u; grep bob /etc/passwd /etc/group; ls /home"
        )
        assert left.stdout.split() == ["root", "tenure"], left.stdout

        await anna.delete(path)

        async def is_gone() -> bool:
            return await engine.machines.all() == []

        await eventually(is_gone)


async def is_there(port: int, key: Path, file: str) -> bool:
    return (await asyncio.to_thread(ssh, port, key, "tenure@127.0.0.1", f"test -e {file}")).returncode == 0


async def test_what_a_machine_does_at_its_door(engine: DockerEngine, tmp_path: Path) -> None:
    """What comes late does nothing, a name is one guest's, and a guest may be let in under another."""
    key, public = new_key(tmp_path / "key")
    id, ben, cleo = uuid4(), uuid4(), uuid4()
    machine = await engine.machines.ensure_running(id, TEMPLATE)
    port = machine.connection["ports"]["22"]
    await greeting(port)
    machines = engine.machines

    async def opens(user: str) -> bool:
        return (await asyncio.to_thread(ssh, port, key, f"{user}@127.0.0.1", "true")).returncode == 0

    for _ in range(2):  # asked twice is asked once
        await machines.admit(id, Admission(ben, 3, "ben", public))
    assert await opens("ben")
    await machines.admit(id, Admission(ben, 2, "ben", public_key("an older one")))
    await machines.revoke(id, ben, 2)
    assert await opens("ben")
    for name in ("ben", "tenure", "sshd", "root", "adm"):
        with pytest.raises(EngineRefused, match="taken"):
            await machines.admit(id, Admission(cleo, 3, name, public))
    await machines.admit(id, Admission(cleo, 3, "cleo", public))
    await machines.admit(id, Admission(ben, 4, "benny", public))
    assert [await opens(name) for name in ("ben", "benny", "cleo", "tenure")] == [False, True, True, False]
    for _ in range(2):
        await machines.revoke(id, ben, 5)
    await machines.admit(id, Admission(ben, 4, "benny", public))
    assert [await opens(name) for name in ("benny", "cleo")] == [False, True]
    dora = uuid4()
    await machines.revoke(id, dora, 5)  # before they came
    await machines.admit(id, Admission(dora, 4, "dora", public))
    assert not await opens("dora")
    await machines.ensure_gone(id)
    await machines.revoke(id, cleo, 9)


async def test_who_is_in_is_in_again_after_a_snapshot_was_restored_and_nobody_else(
    engine: DockerEngine, database: str, tmp_path: Path
) -> None:
    hers, her_key = new_key(tmp_path / "hers")
    his, his_key = new_key(tmp_path / "his")
    async with (
        served(database, tmp_path, engine.machines, workspace_image=IMAGE) as tenure,
        keyholder(tenure, "anna") as anna,
        keyholder(tenure, "ben") as ben,
        keyholder(tenure, "cleo") as cleo,
        tenure.client("anna") as vm_api,
    ):
        session = await host(anna, pub_key=her_key)
        (machine,) = (await vm_api.get("/api/v1/workspaces")).json()
        path = f"/api/v1/workspaces/{machine['id']}"

        async def settled() -> bool:
            return (await vm_api.get(path)).json()["metadata"] is None

        async with watching(anna, session) as owner:
            async with asking(ben, session, his_key, "ben"):
                first = await owner.next("join_requested")
                await approve(anna, session, first)
            shot = (await vm_api.post(f"{path}/snapshots")).json()
            await eventually(settled)
            await anna.delete(f"/sessions/{session['session_id']}/guests/{first['subject_uuid']}")
            async with asking(cleo, session, his_key, "cleo"):
                await approve(anna, session, await owner.next("join_requested"))
        assert (await vm_api.post(f"{path}/snapshots/{shot['id']}/restore")).status_code == 200
        await eventually(settled)
        port = (await anna.get(f"/sessions/{session['session_id']}")).json()["ssh"]["port"]
        await greeting(port)
        opens = {}
        for key, name in ((hers, "tenure"), (his, "cleo"), (his, "ben")):
            opens[name] = (await asyncio.to_thread(ssh, port, key, f"{name}@127.0.0.1", "true")).returncode == 0
        assert opens == {"tenure": True, "cleo": True, "ben": False}
