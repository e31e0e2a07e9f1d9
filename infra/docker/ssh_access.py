"""SSH access to machines that are Docker containers: the image's program `door`, run inside as root."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from docker import APIClient
from docker.errors import APIError
from docker.utils.socket import frames_iter

from application.ports.errors import EngineRefused, Unavailable
from application.ports.ssh_access import Admission
from infra.docker.containers import name_of
from infra.docker.engine import CONFLICT_STATUS, DockerEngine, if_there, matches, refusals

# Every image that infra/images/workspace.sh has built has this path and these arguments: with others, guests of
# running machines could not be removed.
PROGRAM = "/usr/local/sbin/door"
NAME_TAKEN_CODE = 3
NO_SUCH_PROGRAM_CODES = (126, 127)  # exit codes, as a shell gives them: not executable, not found
NO_PROGRAM = "the machine's image has no program for SSH access; infra/images/workspace.sh builds one that has"
SSH_CONNECTION = re.compile(r"sshd(-session)?: (?!.*\[listener\])")  # the process title of one connection


class MachineGone(EngineRefused):
    """There is no such container."""


class DockerSshAccess:
    """`SshAccess` of one engine: part of `infra.docker.machines.DockerMachines`."""

    _engine: DockerEngine

    async def give_key(self, workspace_id: UUID, user: str, pub_key: str) -> None:
        await self._run_program(workspace_id, ["give", user], pub_key)

    async def admit(self, workspace_id: UUID, admission: Admission) -> None:
        arguments = ["admit", str(admission.guest_id), str(admission.version), admission.user]
        if await self._run_program(workspace_id, arguments, admission.pub_key) == NAME_TAKEN_CODE:
            raise EngineRefused("that user name is taken on the machine; approve with another one")

    async def revoke(self, workspace_id: UUID, guest_id: UUID, version: int) -> None:
        try:
            await self._run_program(workspace_id, ["dismiss", str(guest_id), str(version)], "")
        except MachineGone:
            return  # the guest's account went with it

    async def is_used(self, workspace_id: UUID) -> bool:
        name = name_of(workspace_id)
        with refusals("it cannot be seen who is logged in"):
            processes = await self._engine(if_there(lambda api: api.top(name, "-eo pid,args")))
        rows = (processes or {}).get("Processes") or ()
        return any(SSH_CONNECTION.match(row[-1]) for row in rows)

    async def _run_program(self, workspace_id: UUID, arguments: list[str], pub_key: str) -> int:
        """The program's exit code: 0 or `NAME_TAKEN_CODE`.

        Raises `MachineGone`, `EngineRefused` where the image has no such program, and `Unavailable` for all else.
        """

        def run_program(api: APIClient) -> int:
            return run_as_root(api, name_of(workspace_id), [PROGRAM, *arguments], f"{pub_key}\n".encode())

        with refusals("the machine's SSH access cannot be changed"):
            try:
                code = int(await self._engine(run_program))
            except APIError as error:
                if error.status_code == CONFLICT_STATUS:
                    raise Unavailable("machine", "the machine is not running") from error
                if matches(error, "no such container"):
                    raise MachineGone("there is no machine") from error
                if matches(error, "executable file not found|no such file"):
                    raise EngineRefused(NO_PROGRAM) from error
                raise
        if code in NO_SUCH_PROGRAM_CODES:
            raise EngineRefused(NO_PROGRAM)
        if code not in (0, NAME_TAKEN_CODE):
            # Its output stays out of the sentence: it may name people.
            raise Unavailable(
                "machine", f"the machine's SSH access cannot be changed: its program exited with status {code}"
            )
        return code


def run_as_root(api: APIClient, container: str, command: list[str], stdin: bytes) -> int:
    """Run a program inside a container as root, and return its exit code. Its input stays open. Raises `APIError`."""
    id = api.exec_create(container, command, stdin=True, stdout=True, stderr=True, user="root")["Id"]
    stream = api.exec_start(id, socket=True)
    try:
        connection: Any = getattr(stream, "_sock", stream)
        connection.sendall(stdin)
        for _ in frames_iter(stream, tty=False):
            pass  # the stream ends with the program
    finally:
        stream.close()
    return int(api.exec_inspect(id)["ExitCode"])
