"""Which sessions a tmux server has, as it tells of its own accord. Nothing is asked twice without a reason to."""

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

from application.ports.terminals import SeenSession
from infra.tmux.control import Control, Place, TmuxGone, TmuxRefused
from infra.tmux.protocol import Message, Notice

log = logging.getLogger(__name__)
PATIENCE = 2.0  # seconds that a question waits for a server to come back
SHORT = 1.0  # seconds of life that are none, where making a session costs more than a look
SESSION = re.compile(r"(\d{1,10}) (\$\d{1,10}) (\d{1,10}) (\d{1,6}) (.+)", re.DOTALL)

SESSIONS = "list-sessions -F '#{pid} #{session_id} #{session_created} #{session_windows} #{session_name}'"
CLIENTS = "list-clients -F '#{client_control_mode} #{session_id}'"
TELLING = {
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
class Sight:
    """What is there now. `there` is whether a server answers at all."""

    there: bool = False
    sessions: tuple[SeenSession, ...] = ()
    attached: frozenset[str] = frozenset()  # ids of those that somebody looks at through tmux itself


class Watch:
    """One client, attached to any of the sessions, without their output. Whoever wants to is told of every change.

    `gate` is passed to have a client.
    """

    def __init__(self, place: Place, gate: AbstractAsyncContextManager[Any] | None = None) -> None:
        self.place, self._gate = place, gate or nullcontext()
        self.sight = Sight()
        self.looked = asyncio.Event()  # it is known whether there is a server
        self._ears: list[Callable[[], None]] = []
        self._dirty = asyncio.Event()
        self._up = asyncio.Event()
        self._control: Control | None = None

    def on_change(self, ear: Callable[[], None]) -> None:
        self._ears.append(ear)

    async def run(self) -> None:
        """Watch until cancelled; wait for a server where there is none."""
        while True:
            before, began = self.place.signature(), time.monotonic()
            lived = before is not None and await self._watch()
            if lived and (not self.place.rest or time.monotonic() - began > SHORT):
                continue  # its session has gone; perhaps there are others
            self._see(Sight())
            await self.place.changed(before)

    async def _watch(self) -> bool:
        """Until the client is let go. Returns whether it was ever attached."""
        self._dirty.clear()
        try:
            async with self._gate:
                control = Control(await self.place.open(*self.place.watch), self._hear)
        except TmuxGone as gone:
            log.debug("no tmux", extra={"place": self.place.name, "because": str(gone)})
            return False
        running = asyncio.create_task(control.run())
        listing = asyncio.create_task(self._list(control))
        try:
            await asyncio.wait([running, listing], return_when=asyncio.FIRST_COMPLETED)
            return self._up.is_set()
        finally:
            self._up.clear()
            for task in (listing, running):
                task.cancel()
            await asyncio.gather(running, listing, return_exceptions=True)

    async def control(self) -> Control:
        """A client to ask, of whatever session. `TmuxGone` where there is none in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._up.wait()
        except TimeoutError:
            raise TmuxGone("there is no tmux server") from None
        assert self._control
        return self._control

    def _hear(self, message: Message) -> None:
        if isinstance(message, Notice) and message.name in TELLING:
            self._dirty.set()

    async def _list(self, control: Control) -> None:
        with contextlib.suppress(TmuxGone, TmuxRefused):
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                sessions, clients = await control.ask(SESSIONS, CLIENTS)
                all_seen = sorted(filter(None, map(self._session, sessions)), key=lambda it: it.tmux_id)
                seen = tuple(it for it in all_seen if self.place.session in (None, it.name))
                if self.place.session and not seen:
                    return  # the one that counts has gone: the next client makes it
                looking = (line.split(b" ") for line in clients)
                attached = frozenset(id.decode() for control_mode, id in looking if control_mode != b"1")
                self._control = control
                self._up.set()
                self._see(Sight(True, seen, attached))
                await asyncio.sleep(self.place.rest)

    def _session(self, line: bytes) -> SeenSession | None:
        """None for what tmux would not say: it ends up in the log, and that has to take it."""
        if not (said := SESSION.fullmatch(line.decode(errors="replace"))):
            return None
        server, id, created, windows, name = said.groups()
        at = datetime.fromtimestamp(int(created), UTC)
        return SeenSession(self.place.name, int(server), id, name, int(windows), at)

    def _see(self, sight: Sight) -> None:
        changed, self.sight = sight != self.sight, sight
        first = not self.looked.is_set()
        self.looked.set()
        if changed or first:
            for ear in self._ears:
                ear()
