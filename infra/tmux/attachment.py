"""One control-mode client of one tmux session, and the screens of its panes. It serves any number of viewers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from application.ports.clock import Clock
from application.ports.terminals import Address
from domain.errors import NotFound
from infra.tmux.control import Control, Place, TmuxGone, TmuxRefused
from infra.tmux.protocol import Message, Notice, Output, checked
from infra.tmux.screens import PaneSeen, Screen, Turns, Viewer

WHICH = "display-message -p -t {} '#{{pid}} #{{session_created}}'"  # of all that ever had this id
PANES = "list-panes -t {} -F '#{{pane_id}} #{{pane_index}} #{{pane_width}} #{{pane_height}}'"
MOVES = {"%layout-change", "%session-window-changed", "%window-close", "%window-add", "%window-pane-changed"}


class Attachment:
    """Starts with `start`, and ends by itself when the session does."""

    def __init__(self, place: Place, at: Address, clock: Clock, turns: Turns) -> None:
        self.at, self.users = at, 0
        self._place, self._clock, self._turns = place, clock, turns
        self._control: Control | None = None
        self._screens: dict[int, Screen] = {}
        self._panes: list[PaneSeen] = []
        self._looking = self._look_again = False
        self._answered = False  # by the client that is attached now
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.over = False

    async def start(self) -> None:
        """Raises `NotFound` if there is no such session, `TmuxGone` where tmux cannot be had."""
        control = await Control.attached(self._place, self.at.tmux_id, self._hear)
        self._control = control
        self._running = asyncio.create_task(self._run(control))
        session = checked(self.at.tmux_id)
        try:
            await control.ask(WHICH.format(session), PANES.format(session), then=self._looked)
        except (TmuxGone, TmuxRefused):
            self.over = True
        if self.over:
            await self.close()
            raise NotFound("the session has gone")

    async def _run(self, control: Control) -> None:
        """Until the session has gone. A client that is only detached comes back."""
        try:
            while True:
                await control.run()
                if self.over or not self._answered:
                    return
                self._answered = self._looking = False
                await asyncio.sleep(self._place.rest)
                control = self._control = await Control.attached(self._place, self.at.tmux_id, self._hear)
                self._look()
        except TmuxGone:
            return
        finally:
            self._end()

    def _end(self) -> None:
        self.over = True
        for screen in self._screens.values():
            screen.end()

    async def close(self) -> None:
        self._end()
        for task in (self._running, *self._tasks):
            if task:
                task.cancel()
        await asyncio.gather(*(t for t in (self._running, *self._tasks) if t), return_exceptions=True)

    # -- what tmux tells --------------------------------------------------------

    def _hear(self, message: Message) -> None:
        if isinstance(message, Output):
            for screen in self._screens.values():
                if screen.pane.id == message.pane and screen.viewers:
                    screen.wrote(message.data)
        elif isinstance(message, Notice):
            if message.name in MOVES:
                self._look()
            elif message.name == "%session-changed" and message.subject != self.at.tmux_id:
                self._end()  # ours has gone, and tmux would show us another one
            elif message.name == "%pause":
                self._paused(message.subject)

    def _paused(self, pane: str) -> None:
        """It tells nothing more, since we were too slow, or have asked for that: all wait for the whole screen."""
        for screen in self._screens.values():
            if screen.pane.id == pane:
                screen.skipped()

    def _look(self) -> None:
        """See which panes there are now; again, if more happens until that is known."""
        if self._looking:
            self._look_again = True
            return
        self._looking = True
        session = checked(self.at.tmux_id)
        self._ask(WHICH.format(session), PANES.format(session), then=self._looked)

    def _looked(self, answers: list[list[bytes]] | None) -> None:
        self._looking = False
        if self._look_again:
            self._look_again = False
            self._look()
        if answers is None or self.over:
            return
        which, panes = answers
        if not is_that(which, self.at):
            self._end()
            return
        self._panes = [pane_seen(line) for line in panes]
        back, self._answered = not self._answered, True
        for screen in self._screens.values():
            pane = self._pane(screen.key) or self._panes[0]
            if back or pane != screen.pane:
                screen.moved(pane)

    def _ask(self, *commands: str, screen: bool = False, then: Callable[[Any], None] = lambda answers: None) -> None:
        """In the background; `then` gets None where it fails."""

        async def ask() -> None:
            try:
                if self._control:
                    await self._control.ask(*commands, screen=screen, then=then)
            except (TmuxGone, TmuxRefused):
                then(None)

        task = asyncio.create_task(ask())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- what viewers need --------------------------------------------------------

    def _pane(self, key: int | None) -> PaneSeen | None:
        if key is None:
            return self._panes[0] if self._panes else None
        return next((pane for pane in self._panes if pane.index == key), None)

    def pane(self, key: int | None) -> PaneSeen:
        found = self._pane(key)
        if found is None:
            raise NotFound(f"the session has no pane {key}")
        return found

    def join(self, key: int | None, plain: bool) -> Viewer:
        pane = self.pane(key)
        if (screen := self._screens.get(pane.index)) is None:
            self._screens[pane.index] = screen = Screen(pane.index, pane, self._ask, self._clock, self._turns)
        viewer = Viewer(screen, plain)
        screen.viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        viewer.screen.viewers.discard(viewer)
        if not viewer.screen.viewers and self._screens.get(viewer.screen.key) is viewer.screen:
            del self._screens[viewer.screen.key]
            viewer.screen.end()

    @property
    def control(self) -> Control | None:
        return None if self.over else self._control


def is_that(which: list[bytes], at: Address) -> bool:
    """Whether `WHICH` was answered by the very session that is meant."""
    return which == [f"{at.server} {at.created_at.timestamp():.0f}".encode()]


def pane_seen(line: bytes) -> PaneSeen:
    id, index, width, height = line.decode().split()
    return PaneSeen(id, int(index), (int(width), int(height)))
