"""Machines as directories and processes of this machine: what there is where no container engine is."""

from __future__ import annotations

import asyncio
import errno
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Machine, MachineConnection, Template
from infra.local.disk import LocalFiles, Note
from infra.local.files import LocalFiles as WorkspaceFiles
from infra.local.ssh_access import LocalSshAccess
from infra.local.tmux import LocalTerminals
from infra.tmux.control import Local

T = TypeVar("T")

THREADS = 8
FOR_GOOD = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENOTDIR)  # another try meets the same


class LocalMachines(LocalSshAccess):
    """A machine's connection is `{"directory", "terminal"}`: the command to attach with, or None without tmux.

    Nothing is shut in here: the processes are this user's, limits and images mean nothing, and what a template
    would start is not started. Where there is tmux, a machine runs as long as its session does.
    """

    provider = "local"

    def __init__(self, home: Path, installation: UUID) -> None:
        folder = home.absolute() / "machines"
        self._installation = str(installation)
        self._files = LocalFiles(folder)
        self.files = WorkspaceFiles(self._files.directory)
        self._terminals = LocalTerminals(folder)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="local-machines")

    def close(self) -> None:
        """Let the threads go; machines go on running."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def ping(self) -> None:
        await self._alone(None, self._files.ensure_folder)

    async def has(self, image: str) -> bool:
        return True  # images mean nothing here

    async def ensure_running(self, workspace_id: UUID, template: Template) -> Machine:
        def ensure() -> Machine:
            note = self._note(workspace_id, needed=True)
            note = note or Note(self._installation, template.name, engine_id=uuid4().hex)
            return self._run(workspace_id, note, dict(template.env))

        return await self._alone(workspace_id, ensure)

    async def ensure_stopped(self, workspace_id: UUID) -> None:
        def ensure() -> None:
            if note := self._note(workspace_id):
                self._stop(workspace_id, note)

        await self._alone(workspace_id, ensure)

    async def restart(self, workspace_id: UUID) -> Machine:
        def restart() -> Machine:
            note = self._note(workspace_id)
            if note is None:
                raise EngineRefused("there is no machine to restart")
            self._stop(workspace_id, note)
            return self._run(workspace_id, note)

        return await self._alone(workspace_id, restart)

    async def ensure_gone(self, workspace_id: UUID) -> None:
        def ensure() -> None:
            if note := self._note(workspace_id):
                self._stop(workspace_id, note)
                self._files.remove(workspace_id)

        await self._alone(workspace_id, ensure)

    async def snapshot(self, workspace_id: UUID, snapshot_id: UUID) -> int:
        def keep() -> int:
            if self._note(workspace_id) is None:
                raise EngineRefused("there is no machine to take a snapshot of")
            return self._files.keep(workspace_id, snapshot_id)

        return await self._alone(workspace_id, keep)

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        def restore() -> Machine:
            note = self._note(workspace_id, needed=True)
            if note is None or note.operation != str(operation_id):
                if not self._files.snapshot(workspace_id, snapshot_id).exists():
                    raise EngineRefused("there is no such snapshot of this machine")
                self._files.bring_back(workspace_id, snapshot_id)
                self._terminals.end(workspace_id)
                note = Note(self._installation, template.name, uuid4().hex, operation=str(operation_id))
                self._files.swap(workspace_id, note)
            return self._run(workspace_id, note)

        return await self._alone(workspace_id, restore)

    async def find(self, workspace_id: UUID) -> Machine | None:
        return next(iter(await self._alone(None, lambda: self._see([workspace_id]))), None)

    async def all(self) -> list[Machine]:
        return await self._alone(None, lambda: self._see(self._files.ids()))

    def place_of(self, workspace_id: str) -> str:
        return self.provider

    def place(self, called: str, name: str) -> Local | None:
        """`infra.tmux.watch_pool.HasTerminals`: all machines share one tmux."""
        return Local(str(self._terminals.socket), name) if called == self.provider and self._terminals.are_had else None

    async def networks(self) -> list[UUID]:
        return []  # all are on this machine's own

    async def ensure_no_network(self, network: UUID) -> None:
        """There is none to be removed."""

    def _run(self, id: UUID, note: Note, env: Mapping[str, str] = {}) -> Machine:
        self._files.write_note(id, replace(note, running=True))  # first: what is made can be found again
        self._files.ensure_directory(id)
        self._terminals.ensure(id, self._files.directory(id), env)
        return self._machine(id, note, running=True)

    def _stop(self, id: UUID, note: Note) -> None:
        self._terminals.end(id)
        self._files.write_note(id, replace(note, running=False))

    def _note(self, id: UUID, needed: bool = False) -> Note | None:
        """None if there is no machine, or one of another installation: `EngineRefused` where one is `needed`."""
        note = self._files.note(id)
        if note and note.installation != self._installation:
            if needed:
                raise EngineRefused("the machine belongs to another installation")
            return None
        return note

    def _see(self, ids: Iterable[UUID]) -> list[Machine]:
        sessions = self._terminals.running()
        return [
            self._machine(id, note, str(id) in sessions if self._terminals.are_had else note.running)
            for id in ids
            if (note := self._note(id))
        ]

    def _machine(self, id: UUID, note: Note, running: bool) -> Machine:
        terminal = self._terminals.attach_command(id) if running else None
        connection = MachineConnection(directory=str(self._files.directory(id)), terminal=terminal)
        return Machine(id, str(id), note.engine_id, running, connection)

    async def _alone(self, id: UUID | None, do: Callable[[], T]) -> T:
        """`do`, in a thread; and where a machine is named, with nobody else at it."""

        def run() -> T:
            with _troubles(), self._files.alone(id) if id else nullcontext():
                return do()

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)


@contextmanager
def _troubles() -> Iterator[None]:
    """What goes wrong with files and processes, in the words of the port."""
    try:
        yield
    except subprocess.TimeoutExpired as error:
        raise Unavailable("local", "the terminal does not answer") from error
    except OSError as error:
        sentence = f"the machine's files cannot be used: {error.strerror or error}"
        if error.errno in FOR_GOOD:
            raise EngineRefused(sentence) from error
        raise Unavailable("local", sentence) from error
