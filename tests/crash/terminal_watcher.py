"""Processes that watch a tmux session of this host and one of a container, as Tenure does, until they are killed.

`python -m tests.crash.terminal_watcher SOCKET CONTAINER SESSION_ID` forks one for each byte of its input, which
takes no second of imports. Each prints its process id once it sees both sessions.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from uuid import UUID

from infra.docker.execs import DockerExecs
from infra.docker.tmux import DockerTmuxHost
from infra.tmux.hosts import LocalTmuxHost, TmuxHost
from infra.tmux.terminals import TmuxTerminals
from infra.tmux.watch import TmuxWatch
from infra.tmux.watch_pool import TmuxWatchPool
from tests.support.tmux import address


class OneContainer:
    """`infra.tmux.watch_pool.TmuxHosts` of one container."""

    def __init__(self, container: str) -> None:
        self._container, self._execs = container, DockerExecs(None)

    def name_of(self, workspace_id: str, region: str) -> str:
        return workspace_id

    async def find(self, name: str) -> TmuxHost | None:
        return DockerTmuxHost(self._execs, name, name, self._container)


async def watch(socket: str, container: str, session_id: str) -> None:
    watch_pool = TmuxWatchPool(TmuxWatch(LocalTmuxHost(socket)), OneContainer(container))
    terminals = TmuxTerminals(watch_pool, lambda: datetime.now(UTC))
    watching = asyncio.create_task(watch_pool.run())
    async with AsyncExitStack() as stack:
        places = [await address(terminals), await terminals.of_workspace(UUID(session_id))]
        views = [await stack.enter_async_context(terminals.view(at, None, plain=False)) for at in places]
        for view in views:
            for _ in range(3):
                await view.next()
        os.write(sys.stdout.fileno(), b"%d\n" % os.getpid())
        while not watching.done():
            await asyncio.gather(*(view.next() for view in views))


def main(socket: str, container: str, session_id: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries those that are killed
    while os.read(sys.stdin.fileno(), 1):
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(watch(socket, container, session_id))


if __name__ == "__main__":
    main(*sys.argv[1:])
