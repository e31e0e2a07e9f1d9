"""`Machines` as directories and processes of this host, for a host without a container engine."""

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
from application.ports.machines import Machine, Network, Template
from domain.machine import MachineConnection
from infra.local.disk import LocalDisk, MachineRecord
from infra.local.files import LocalFiles
from infra.local.ssh_access import LocalSshAccess
from infra.local.tmux import LocalTerminals
from infra.tmux.hosts import LocalTmuxHost

T = TypeVar("T")

MAX_THREADS = 8
PERMANENT_ERRORS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENOTDIR)  # another attempt meets the same


class LocalMachines(LocalSshAccess):
    """`Machines` of this host. With tmux, a machine runs as long as its session does.

    Nothing is isolated: the processes are our own user's, a template's image, limits and command have no effect.
    """

    provider, has_ssh = "local", False
    limitation: str | None = None

    def __init__(self, home: Path, installation: UUID, epoch: UUID | None = None) -> None:
        """`epoch` is that of the log in use. None: the installation has only one."""
        folder = home.absolute() / "machines"
        self._installation, self._epoch = str(installation), str(epoch or installation)
        self._disk = LocalDisk(folder)
        self.files = LocalFiles(self._disk.directory)
        self._terminals = LocalTerminals(folder)
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="local-machines")

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def ping(self) -> None:
        await self._run_in_thread(None, self._disk.ensure_folder)

    async def has(self, image: str) -> bool:
        return True  # no image is used

    async def ensure_running(self, workspace_id: UUID, template: Template) -> Machine:
        def ensure() -> Machine:
            record = self._record(workspace_id, id_needed=True)
            if record is None:
                self._disk.write_epoch(workspace_id, self._epoch)
                record = MachineRecord(self._installation, template.name, engine_id=uuid4().hex)
            return self._start(workspace_id, record, dict(template.env))

        return await self._run_in_thread(workspace_id, ensure)

    async def ensure_stopped(self, workspace_id: UUID) -> None:
        def ensure() -> None:
            if record := self._record(workspace_id):
                self._stop(workspace_id, record)

        await self._run_in_thread(workspace_id, ensure)

    async def restart(self, workspace_id: UUID) -> Machine:
        def restart() -> Machine:
            record = self._record(workspace_id)
            if record is None:
                raise EngineRefused("there is no machine to restart")
            self._stop(workspace_id, record)
            return self._start(workspace_id, record)

        return await self._run_in_thread(workspace_id, restart)

    async def ensure_gone(self, workspace_id: UUID) -> None:
        def ensure() -> None:
            if record := self._record(workspace_id):
                self._stop(workspace_id, record)
                self._disk.remove(workspace_id)

        await self._run_in_thread(workspace_id, ensure)

    async def snapshot(self, workspace_id: UUID, snapshot_id: UUID) -> int:
        def take() -> int:
            if self._record(workspace_id) is None:
                raise EngineRefused("there is no machine to take a snapshot of")
            return self._disk.take_snapshot(workspace_id, snapshot_id)

        return await self._run_in_thread(workspace_id, take)

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        def restore() -> Machine:
            record = self._record(workspace_id, id_needed=True)
            if record is None or record.operation != str(operation_id):
                if not self._disk.snapshot(workspace_id, snapshot_id).exists():
                    raise EngineRefused("there is no such snapshot of this machine")
                self._disk.prepare_restore(workspace_id, snapshot_id)
                self._terminals.end(workspace_id)
                operation = str(operation_id)
                record = MachineRecord(self._installation, template.name, uuid4().hex, operation=operation)
                self._disk.write_epoch(workspace_id, self._epoch)
                self._disk.swap(workspace_id, record)
            return self._start(workspace_id, record)

        return await self._run_in_thread(workspace_id, restore)

    async def find(self, workspace_id: UUID) -> Machine | None:
        return next(iter(await self._run_in_thread(None, lambda: self._find([workspace_id]))), None)

    async def all(self) -> list[Machine]:
        return await self._run_in_thread(None, lambda: self._find(self._disk.ids()))

    def tmux_key(self, workspace_id: str) -> str:
        return self.provider

    def tmux_host(self, key: str, name: str) -> LocalTmuxHost | None:
        """`infra.tmux.watch_pool.TerminalEngine`: all machines share one tmux."""
        if key != self.provider or not self._terminals.has_tmux:
            return None
        return LocalTmuxHost(str(self._terminals.socket), name)

    async def networks(self) -> list[Network]:
        return []  # every machine is on this host's own network

    async def ensure_no_network(self, network: UUID) -> None:
        """Do nothing: no network is ever made."""

    def _start(self, id: UUID, record: MachineRecord, env: Mapping[str, str] = {}) -> Machine:
        # The record comes first: without it nobody would find what a killed start has made.
        self._disk.write_record(id, replace(record, running=True))
        self._disk.ensure_directory(id)
        self._terminals.ensure(id, self._disk.directory(id), env)
        return self._machine(id, record, running=True)

    def _stop(self, id: UUID, record: MachineRecord) -> None:
        self._terminals.end(id)
        self._disk.write_record(id, replace(record, running=False))

    def _record(self, id: UUID, id_needed: bool = False) -> MachineRecord | None:
        """The machine's record; None if there is none, or one of another installation.

        `id_needed`: raise `EngineRefused` for the latter.
        """
        record = self._disk.record(id)
        if record and record.installation != self._installation:
            if id_needed:
                raise EngineRefused("the machine belongs to another installation")
            return None
        return record

    def _find(self, ids: Iterable[UUID]) -> list[Machine]:
        sessions = self._terminals.session_names()
        return [
            self._machine(id, record, str(id) in sessions if self._terminals.has_tmux else record.running)
            for id in ids
            if (record := self._record(id))
        ]

    def _machine(self, id: UUID, record: MachineRecord, running: bool) -> Machine:
        terminal = self._terminals.attach_command(id) if running else None
        connection = MachineConnection(directory=str(self._disk.directory(id)), terminal=terminal)
        is_of_this_log = self._disk.epoch(id) == self._epoch
        return Machine(id, str(id), record.engine_id, running, connection, is_of_this_log=is_of_this_log)

    async def _run_in_thread(self, id: UUID | None, do: Callable[[], T]) -> T:
        """What `do` returns; it runs under the machine's lock where an id names one."""

        def run() -> T:
            with _port_errors(), self._disk.lock(id) if id else nullcontext():
                return do()

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)


@contextmanager
def _port_errors() -> Iterator[None]:
    """Raise failures of files and processes as errors of the port."""
    try:
        yield
    except subprocess.TimeoutExpired as error:
        raise Unavailable("local", "the terminal does not answer") from error
    except OSError as error:
        sentence = f"the machine's files cannot be used: {error.strerror or error}"
        if error.errno in PERMANENT_ERRORS:
            raise EngineRefused(sentence) from error
        raise Unavailable("local", sentence) from error
