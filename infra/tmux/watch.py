"""Which sessions a tmux server has, as the server itself reports changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from application.ports.terminals import TmuxSession
from infra.tmux.control import ControlClient, TmuxRefused
from infra.tmux.hosts import TmuxGone, TmuxHost
from infra.tmux.protocol import Message, Notice

log = logging.getLogger(__name__)
CLIENT_TIMEOUT_S = 2.0  # that a request waits for a server to come back
MIN_LIFETIME_S = 1.0  # a client that lived shorter, where making a session costs more than a look, is no success
SESSION = re.compile(r"(\d{1,10}) (\$\d{1,10}) (\d{1,10}) (\d{1,6}) ([^:]*):(.+)", re.DOTALL)

LIST_SESSIONS = (
    "list-sessions -F '#{pid} #{session_id} #{session_created} #{session_windows} #{session_group}:#{session_name}'"
)
LIST_CLIENTS = "list-clients -F '#{client_control_mode} #{session_id}'"
CHANGE_NOTICES = {
    "%sessions-changed",
    "%session-changed",
    "%session-renamed",
    "%window-add",
    "%window-close",
    "%unlinked-window-add",
    "%unlinked-window-close",
    "%client-session-changed",
    "%client-detached",
}


@dataclass(frozen=True)
class TmuxState:
    """A tmux server as it is now."""

    is_up: bool = False
    sessions: tuple[TmuxSession, ...] = ()
    attached: frozenset[str] = frozenset()  # ids of the sessions that somebody looks at through tmux itself


class TmuxWatch:
    """One client attached to any session of a host, without output of panes. Lists sessions again after each change."""

    def __init__(self, host: TmuxHost, start_slot: AbstractAsyncContextManager[Any] | None = None) -> None:
        """`start_slot` is entered while a client is started."""
        self.host, self._start_slot = host, start_slot or nullcontext()
        self.state = TmuxState()
        self.is_known = asyncio.Event()  # set once it is known whether there is a server
        self._listeners: list[Callable[[], None]] = []
        self._has_changed = asyncio.Event()
        self._is_attached = asyncio.Event()
        self._client: ControlClient | None = None

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change of `state`, and once when it is first known."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Watch until cancelled; wait for a server where there is none."""
        while True:
            signature, started_at = self.host.signature(), time.monotonic()
            was_attached = signature is not None and await self._watch()
            if was_attached and (not self.host.list_interval_s or time.monotonic() - started_at > MIN_LIFETIME_S):
                continue  # its session has gone; there may be others
            self._set_state(TmuxState())
            await self.host.wait_for_change(signature)

    async def _watch(self) -> bool:
        """Run one client until it ends. Returns whether it was ever attached."""
        self._has_changed.clear()
        try:
            async with self._start_slot:
                client = ControlClient(await self.host.open_client(*self.host.watch_command), self._on_message)
        except TmuxGone as error:
            log.debug("no tmux", extra={"tmux_host": self.host.name, "because": str(error)})
            return False
        running = asyncio.create_task(client.run())
        listing = asyncio.create_task(self._list(client))
        try:
            await asyncio.wait([running, listing], return_when=asyncio.FIRST_COMPLETED)
            return self._is_attached.is_set()
        finally:
            self._is_attached.clear()
            for task in (listing, running):
                task.cancel()
            await asyncio.gather(running, listing, return_exceptions=True)

    async def client(self) -> ControlClient:
        """The client, which can be asked about every session of the server. `TmuxGone` where there is none in time."""
        try:
            async with asyncio.timeout(CLIENT_TIMEOUT_S):
                await self._is_attached.wait()
        except TimeoutError:
            raise TmuxGone("there is no tmux server") from None
        assert self._client
        return self._client

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Notice) and message.name in CHANGE_NOTICES:
            self._has_changed.set()

    async def _list(self, client: ControlClient) -> None:
        with contextlib.suppress(TmuxGone, TmuxRefused):
            while True:
                await self._has_changed.wait()
                self._has_changed.clear()
                session_lines, client_lines = await client.ask(LIST_SESSIONS, LIST_CLIENTS)
                sessions = sorted(
                    filter(None, map(self._parse_session, session_lines)), key=lambda session: session.tmux_id
                )
                counted = tuple(session for session in sessions if self.host.only_session in (None, session.name))
                if self.host.only_session and not counted:
                    return  # the next client makes the only session that counts
                clients = (line.split(b" ") for line in client_lines)
                attached = frozenset(id.decode() for control_mode, id in clients if control_mode != b"1")
                self._client = client
                self._is_attached.set()
                self._set_state(TmuxState(True, counted, attached))
                await asyncio.sleep(self.host.list_interval_s)

    def _parse_session(self, line: bytes) -> TmuxSession | None:
        """A line of LIST_SESSIONS. None for one that tmux would not write: the log must be able to store it."""
        if not (match := SESSION.fullmatch(line.decode(errors="replace"))):
            return None
        server, id, created, windows, group, name = match.groups()  # names have no colon: tmux replaces them
        created_at = datetime.fromtimestamp(int(created), UTC)
        return TmuxSession(self.host.name, int(server), id, name, int(windows), created_at, group=group)

    def _set_state(self, state: TmuxState) -> None:
        has_changed, self.state = state != self.state, state
        is_first = not self.is_known.is_set()
        self.is_known.set()
        if has_changed or is_first:
            for listener in self._listeners:
                listener()
