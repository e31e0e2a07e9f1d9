"""Who may log in to a machine that is a Docker container: its image's own `door`, run inside as root."""

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
from infra.docker.engine import CONFLICT, DockerEngine, if_there, refusals, says

DOOR = "/usr/local/sbin/door"  # see infra/images/workspace
SESSION = re.compile(r"sshd(-session)?: (?!.*\[listener\])")  # one for each connection, beside the one that listens
TAKEN, NO_SUCH_PROGRAM = 3, (126, 127)  # exit codes


class Gone(EngineRefused):
    """The machine is not there."""


class DockerDoors:
    """The `Doors` of one engine: part of `infra.docker.machines.DockerMachines`."""

    _engine: DockerEngine

    async def give_key(self, workspace_id: UUID, user: str, pub_key: str) -> None:
        await self._ask(workspace_id, ["give", user], pub_key)

    async def admit(self, workspace_id: UUID, admission: Admission) -> None:
        who = [str(admission.guest_id), str(admission.version), admission.user]
        if await self._ask(workspace_id, ["admit", *who], admission.pub_key) == TAKEN:
            raise EngineRefused("that user name is taken on the machine; approve with another one")

    async def dismiss(self, workspace_id: UUID, guest_id: UUID, version: int) -> None:
        try:
            await self._ask(workspace_id, ["dismiss", str(guest_id), str(version)], "")
        except Gone:
            return  # and they with it

    async def is_used(self, workspace_id: UUID) -> bool:
        name = name_of(workspace_id)
        with refusals("it cannot be seen who is logged in"):
            seen = await self._engine(if_there(lambda api: api.top(name, "-eo pid,args")))
        return any(SESSION.match(words[-1]) for words in (seen or {}).get("Processes") or ())

    async def _ask(self, workspace_id: UUID, words: list[str], said: str) -> int:
        """The exit code: 0 or `TAKEN`."""

        def ask(api: APIClient) -> int:
            return run(api, name_of(workspace_id), [DOOR, *words], f"{said}\n".encode())

        with refusals("the machine's door does not open"):
            try:
                code = int(await self._engine(ask))
            except APIError as error:
                if error.status_code == CONFLICT:
                    raise Unavailable("machine", "the machine is not running") from error
                if says(error, "no such container"):
                    raise Gone("there is no machine") from error
                if says(error, "executable file not found|no such file"):
                    raise EngineRefused(LACKING) from error
                raise
        if code in NO_SUCH_PROGRAM:
            raise EngineRefused(LACKING)
        if code not in (0, TAKEN):
            # What it said is not passed on: it may name people.
            raise Unavailable("machine", f"the machine's door answered {code}")
        return code


LACKING = "the machine's image has no SSH door; infra/images/workspace.sh builds one that has"


def run(api: APIClient, container: str, command: list[str], given: bytes) -> int:
    """A program inside, as root, with this on its standard input, which stays open. Returns its exit code."""
    id = api.exec_create(container, command, stdin=True, stdout=True, stderr=True, user="root")["Id"]
    stream = api.exec_start(id, socket=True)
    try:
        connection: Any = getattr(stream, "_sock", stream)
        connection.sendall(given)
        for _ in frames_iter(stream, tty=False):
            pass  # until it ends
    finally:
        stream.close()
    return int(api.exec_inspect(id)["ExitCode"])
