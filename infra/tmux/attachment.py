"""One control-mode client of one tmux session, and the screens of its panes. It serves any number of viewers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from application.ports.clock import Clock
from application.ports.terminals import Address, PaneNotFound
from domain.errors import NotFound
from infra.tmux.control import ControlClient, TmuxRefused
from infra.tmux.hosts import TmuxGone, TmuxHost
from infra.tmux.protocol import Answers, Message, Notice, Output, quote_id
from infra.tmux.screens import OnAnswersOrNone, PaneState, Screen, Viewer, WakeQueue, ignore_answers

SHOW_IDENTITY = "display-message -p -t {} '#{{pid}} #{{session_created}}'"  # tells sessions of one id apart
# tmux reports, at most once a second, each pane for which this has changed: by another program, by one that has died,
# and by what changes a screen without output, such as `send-keys -R`. From tmux 3.2 on.
WATCHED_STATE = (
    "#{pane_pid} #{pane_dead}:#{cursor_x},#{cursor_y} #{history_size} #{alternate_on}#{cursor_flag}#{insert_flag}"
    "#{keypad_flag}#{keypad_cursor_flag}#{mouse_any_flag}#{origin_flag} #{scroll_region_upper}-#{scroll_region_lower}"
)
LIST_PANES = (
    "list-panes -t {} -F '#{{pane_id}} #{{pane_index}} #{{pane_width}} #{{pane_height}} "
    f"{WATCHED_STATE.replace('{', '{{').replace('}', '}}')}'"
)
SUBSCRIBE = f"refresh-client -B 'screens:%*:{WATCHED_STATE}'"
LAYOUT_NOTICES = {
    "%layout-change",
    "%session-window-changed",
    "%window-close",
    "%window-add",
    "%window-pane-changed",
}


class Attachment:
    """A client that `start` attaches. It ends by itself when the session does."""

    def __init__(self, host: TmuxHost, at: Address, clock: Clock, wake_queue: WakeQueue) -> None:
        self.at, self.users = at, 0
        self._host, self._clock, self._wake_queue = host, clock, wake_queue
        self._client: ControlClient | None = None
        self._screens: dict[int, Screen] = {}
        self._panes: list[PaneState] = []
        self._is_refreshing = self._must_refresh_again = False
        self._is_synced = False  # the panes were listed by the client that is attached now
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.has_ended = False

    async def start(self) -> None:
        """Attach. `NotFound` if there is no such session, `TmuxGone` where tmux cannot be reached."""
        client = await ControlClient.attach(self._host, self.at.tmux_id, self._on_message)
        self._client = client
        self._running = asyncio.create_task(self._run(client))
        self._ask(SUBSCRIBE)
        session = quote_id(self.at.tmux_id)
        try:
            await client.ask(SHOW_IDENTITY.format(session), LIST_PANES.format(session), on_answers=self._on_panes)
        except (TmuxGone, TmuxRefused):
            self.has_ended = True
        if self.has_ended:
            await self.close()
            raise NotFound("the session has gone")

    async def _run(self, client: ControlClient) -> None:
        """Run until the session has gone. A client that was only detached attaches again."""
        try:
            while True:
                await client.run()
                if self.has_ended or not self._is_synced:
                    return
                self._is_synced = self._is_refreshing = False
                await asyncio.sleep(self._host.list_interval_s)
                client = self._client = await ControlClient.attach(self._host, self.at.tmux_id, self._on_message)
                self._ask(SUBSCRIBE)
                self._refresh_panes()
        except TmuxGone:
            return
        finally:
            self._end()

    def _end(self) -> None:
        self.has_ended = True
        for screen in self._screens.values():
            screen.end()

    async def close(self) -> None:
        """End the client and every viewer."""
        self._end()
        tasks = [task for task in (self._running, *self._tasks) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- messages of tmux ---------------------------------------------------------

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Output):
            for screen in self._screens.values():
                if screen.pane.id == message.pane and screen.viewers:
                    screen.on_output(message.data)
        elif isinstance(message, Notice):
            if message.name in LAYOUT_NOTICES:
                self._refresh_panes()
            elif message.name == "%session-changed" and message.subject != self.at.tmux_id:
                self._end()  # our session has gone, and tmux has switched the client to another one
            elif message.name == "%pause":
                self._on_pause(message.subject)
            elif message.name == "%subscription-changed":
                self._on_state(message.arguments)

    def _on_pause(self, pane: str) -> None:
        """tmux reports no more output of the pane: this client was too slow, or has asked for the pause."""
        for screen in self._screens.values():
            if screen.pane.id == pane:
                screen.on_pause()

    def _on_state(self, arguments: str) -> None:
        """The state of a pane has changed, perhaps by output, which viewers have got. Else they need the screen."""
        place, _, state = arguments.partition(" : ")
        id = place.rpartition(" ")[2]
        self._panes = [replace(pane, state=state) if pane.id == id else pane for pane in self._panes]
        for screen in self._screens.values():
            if screen.pane.id == id:
                screen.on_state(state)

    def _refresh_panes(self) -> None:
        """List the panes; once more, if the layout changes until the list is there."""
        if self._is_refreshing:
            self._must_refresh_again = True
            return
        self._is_refreshing = True
        session = quote_id(self.at.tmux_id)
        self._ask(SHOW_IDENTITY.format(session), LIST_PANES.format(session), on_answers=self._on_panes)

    def _on_panes(self, answers: Answers | None) -> None:
        self._is_refreshing = False
        if self._must_refresh_again:
            self._must_refresh_again = False
            self._refresh_panes()
        if answers is None or self.has_ended:
            return
        identity, panes = answers
        if not is_session_at(identity, self.at):
            self._end()
            return
        self._panes = [parse_pane(line) for line in panes]
        is_new_client, self._is_synced = not self._is_synced, True
        for screen in self._screens.values():
            pane = self._find_pane(screen.index) or self._panes[0]
            if is_new_client or pane != screen.pane:
                screen.change_pane(pane)

    def _ask(self, *commands: str, has_screen: bool = False, on_answers: OnAnswersOrNone = ignore_answers) -> None:
        """Run commands in the background; `on_answers` gets None if they fail."""

        async def ask() -> None:
            try:
                if self._client:
                    await self._client.ask(*commands, has_screen=has_screen, on_answers=on_answers)
            except (TmuxGone, TmuxRefused):
                on_answers(None)

        task = asyncio.create_task(ask())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- viewers ------------------------------------------------------------------

    def _find_pane(self, index: int | None) -> PaneState | None:
        return find_pane(self._panes, index)

    def pane(self, index: int | None) -> PaneState:
        """The pane of that index; None: the first one. `PaneNotFound` if there is none."""
        pane = self._find_pane(index)
        if pane is None:
            raise PaneNotFound(f"the session has no pane {index}")
        return pane

    def join(self, index: int | None, plain: bool) -> Viewer:
        """A new viewer of a pane. `PaneNotFound` if there is no such pane."""
        pane = self.pane(index)
        if (screen := self._screens.get(pane.index)) is None:
            screen = Screen(pane.index, pane, self._ask, self._clock, self._wake_queue)
            self._screens[pane.index] = screen
        viewer = Viewer(screen, plain)
        screen.viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer; the screen ends with its last one."""
        viewer.screen.viewers.discard(viewer)
        if not viewer.screen.viewers and self._screens.get(viewer.screen.index) is viewer.screen:
            del self._screens[viewer.screen.index]
            viewer.screen.end()

    @property
    def client(self) -> ControlClient | None:
        """The client that is attached now; None once the session has gone."""
        return None if self.has_ended else self._client


def find_pane(panes: Sequence[PaneState], index: int | None) -> PaneState | None:
    """The pane of that index; None: the first one. It also answers to 0 where panes are counted from another number.

    The contract's first pane is 0, whatever tmux's option pane-base-index says.
    """
    exact = next((pane for pane in panes if pane.index == index), None)
    return exact or (panes[0] if panes and index in (None, 0) else None)


def is_session_at(identity: list[bytes], at: Address) -> bool:
    """Whether the answer to SHOW_IDENTITY is of the session at that address: later servers reuse ids."""
    return identity == [f"{at.server} {at.created_at.timestamp():.0f}".encode()]


def parse_pane(line: bytes) -> PaneState:
    """A line of LIST_PANES. `ValueError` for one that is not tmux's."""
    id, index, width, height, state = line.decode().split(" ", 4)
    return PaneState(id, int(index), (int(width), int(height)), state)
