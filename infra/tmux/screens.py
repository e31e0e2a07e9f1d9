"""One pane's screen for any number of viewers: first the whole of it, then the output, in order.

Output is decoded once and handed to all viewers. A viewer whose queue is full loses the queue, and gets the whole
screen again when it has caught up: no queue grows without bound, and every viewer ends with what the pane shows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from application.ports.clock import Clock
from application.ports.terminals import Frame
from domain.errors import NotFound
from infra.tmux.protocol import Answers, quote_id
from infra.tmux.redraw import CONTINUATION_BYTES, full_screen, plain_commands, screen_commands, utf8_decoder

MAX_QUEUED_CHARS = 1 << 18  # for one viewer
MAX_BURST_CHARS = 1 << 21  # sent at once to all viewers of a pane together; beyond it they get the whole screen
FRAME_INTERVAL_S = 0.00015  # between frames, for each viewer of the pane; four times that between whole screens
CAPTURE_RETRY_S = 0.2
PLAIN_INTERVAL_S = 0.05  # between whole screens for viewers that get nothing else
TOP_LEFT = "0,0 "  # the beginning of a pane's state behind its program, where its cursor is at the top left
MAX_WAKES = 4  # viewers woken in one turn of the event loop: keys that others type are served in between


@dataclass(frozen=True)
class PaneState:
    """Which pane has an index of the current window now, and its size."""

    id: str  # "%5"
    index: int
    size: tuple[int, int]  # columns, lines
    state: str = field(compare=False)  # `WATCHED_STATE` as tmux had it last


class WakeQueue:
    """Wakes many waiters, a few in each turn of the event loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Event] = deque()

    def wake(self, event: asyncio.Event) -> None:
        """Set the event soon, after those that wait already."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._wake_some)
        self._waiting.append(event)

    def _wake_some(self) -> None:
        for _ in range(min(MAX_WAKES, len(self._waiting))):
            self._waiting.popleft().set()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._wake_some)


class Viewer:
    """`application.ports.terminals.View` of one pane."""

    def __init__(self, screen: Screen, plain: bool) -> None:
        self.screen, self.plain = screen, plain
        self.live = False  # it has had the whole screen, and all output since
        self.ready = asyncio.Event()
        self._queue: deque[Frame] = deque()
        self._queued_chars = 0
        self._has_ended = False

    async def next(self) -> Frame:
        while not self._queue:
            if self._has_ended:
                raise NotFound("the session has gone")
            self.ready.clear()
            if not self.live:
                self.screen.request(self)
            await self.ready.wait()
        frame = self._queue.popleft()
        self._queued_chars -= len(frame.data)
        return frame

    def offer(self, frame: Frame) -> bool:
        """Queue a frame. Returns whether the viewer waits, and has to be woken."""
        was_empty = not self._queue
        if frame.size or self.plain:
            self._queue.clear()
            self._queued_chars = 0
        self._queue.append(frame)
        self._queued_chars += len(frame.data)
        if self._queued_chars > MAX_QUEUED_CHARS and not frame.size:
            self._queue.clear()
            self._queued_chars, self.live = 0, False
            return True
        return was_empty

    def end(self) -> None:
        """Wake the viewer with `NotFound`, once its queue is empty."""
        self._has_ended = True
        self.ready.set()


OnAnswersOrNone = Callable[[Answers | None], None]


def ignore_answers(answers: Answers | None) -> None:
    """For commands whose answers say nothing."""


class AskInBackground(Protocol):
    """Runs commands without waiting; `on_answers` gets their answers, or None if they fail."""

    def __call__(
        self, *commands: str, has_screen: bool = False, on_answers: OnAnswersOrNone = ignore_answers
    ) -> None: ...


class Screen:
    """The screen of the pane at `index` of the current window; `pane` is which one that is now."""

    def __init__(self, index: int, pane: PaneState, ask: AskInBackground, clock: Clock, wake_queue: WakeQueue) -> None:
        self.index, self.pane = index, pane
        self.viewers: set[Viewer] = set()
        self._ask, self._clock, self._wake_queue = ask, clock, wake_queue
        self._loop = asyncio.get_running_loop()
        self._decoder = utf8_decoder()
        self._has_output = False  # since the decoder is new
        self._has_new_output = True  # since the state of the pane was reported
        self._state = pane.state
        self._pending: list[str] = []
        self._pending_chars = 0
        self._flushed_at = 0.0
        self._flush_timer: asyncio.TimerHandle | None = None
        self._is_capturing = False
        self._captured_at = -1.0
        self._is_live = False  # some viewer follows the output
        self._plain_timer: asyncio.TimerHandle | None = None
        self._plain_is_stale = False
        self._plain_text: str | None = None
        self._has_ended = False

    def change_pane(self, pane: PaneState) -> None:
        """Show another pane, or the same in another size."""
        self.pane, self._state = pane, pane.state
        self.reset()

    def on_state(self, state: str) -> None:
        """tmux reports the state of the pane: its program, and where its cursor is, as `WATCHED_STATE` has them.

        The viewers get the whole screen where another program runs, or this one has died; where the screen has changed
        without output; and where the cursor is at the top left, as after a reset, which may have hidden among output.
        """
        known_state, self._state = self._state, state
        has_output, self._has_new_output = self._has_new_output, False
        if not self._is_live or state == known_state:
            return
        program, _, place = state.partition(":")
        if program != known_state.partition(":")[0] or not has_output or place.startswith(TOP_LEFT):
            self.reset()

    def reset(self) -> None:
        """Give every viewer the whole screen anew. Until then tmux need not report the pane's output."""
        self._drop_pending()
        self._decoder, self._has_output, self._is_live = utf8_decoder(), False, False
        if any(not viewer.plain for viewer in self.viewers):
            self._ask(f"refresh-client -A {quote_id(self.pane.id)}:pause")
        for viewer in () if self._has_ended else self.viewers:
            viewer.live = False
            self.request(viewer)

    def on_pause(self) -> None:
        """tmux has left out output of the pane."""
        if self._is_live:
            self.reset()
        self._schedule_capture()

    def on_output(self, data: bytes) -> None:
        """The pane's programs have written this."""
        self._has_new_output = True
        if not self._has_output:
            # The first bytes may be the end of a character whose beginning was written before we listened.
            data, self._has_output = data.lstrip(CONTINUATION_BYTES), True
        text = self._decoder.decode(data)
        if not self._is_live:
            self._capture_plain()
            return  # all other viewers wait for the whole screen
        self._pending.append(text)
        self._pending_chars += len(text)
        if self._pending_chars > min(MAX_QUEUED_CHARS, MAX_BURST_CHARS // len(self.viewers)):
            self.reset()
        elif self._flush_timer is None:
            wait_s = self._flushed_at + FRAME_INTERVAL_S * len(self.viewers) - self._loop.time()
            if wait_s > 0:
                self._flush_timer = self._loop.call_later(wait_s, self._flush)
            else:
                self._flush()

    def _flush(self) -> None:
        text = "".join(self._pending)
        self._drop_pending()
        self._flushed_at = self._loop.time()
        if not text:
            return
        frame = Frame(str(self.pane.index), text, self._clock(), None)
        self._offer(frame, [viewer for viewer in self.viewers if viewer.live and not viewer.plain])
        self._capture_plain()

    def _drop_pending(self) -> None:
        self._pending.clear()
        self._pending_chars = 0
        if self._flush_timer:
            self._flush_timer.cancel()
            self._flush_timer = None

    def _offer(self, frame: Frame, viewers: list[Viewer]) -> None:
        are_few = len(viewers) <= MAX_WAKES
        for viewer in viewers:
            if viewer.offer(frame):
                if are_few:
                    viewer.ready.set()
                else:
                    self._wake_queue.wake(viewer.ready)

    def request(self, viewer: Viewer) -> None:
        """Get the whole screen for this viewer. Requests until it is captured are answered with the same one."""
        if viewer.plain:
            self._capture_plain()
        else:
            self._schedule_capture()

    def _schedule_capture(self) -> None:
        if not self._is_capturing:
            self._is_capturing = True
            wait_s = self._captured_at + 4 * FRAME_INTERVAL_S * len(self.viewers) - self._loop.time()
            self._loop.call_later(max(0.0, wait_s), self._capture)

    def _capture(self) -> None:
        if self._has_ended:
            return
        pane = quote_id(self.pane.id)
        self._ask(f"refresh-client -A {pane}:continue")
        self._ask(*screen_commands(pane), has_screen=True, on_answers=self._on_captured)

    def _on_captured(self, answers: Answers | None) -> None:
        self._is_capturing = False
        if answers is None:
            # The pane has gone, and the one in its place is not known yet.
            self._loop.call_later(CAPTURE_RETRY_S, self.reset)
            return
        self._flush()  # output from before the capture goes to viewers that follow already
        self._is_live, self._captured_at = True, self._loop.time()
        size, data = full_screen(answers)
        frame = Frame(str(self.pane.index), data, self._clock(), size)
        waiting = [viewer for viewer in self.viewers if not viewer.live and not viewer.plain]
        for viewer in waiting:
            viewer.live = True
        self._offer(frame, waiting)
        self._capture_plain()

    def _capture_plain(self) -> None:
        """Send the whole screen to plain viewers: now, or once the interval since the last time is over."""
        self._plain_is_stale = True
        if self._plain_timer is None and any(viewer.plain for viewer in self.viewers):
            self._plain_is_stale = False
            self._plain_timer = self._loop.call_later(PLAIN_INTERVAL_S, self._on_plain_interval)
            self._ask(*plain_commands(quote_id(self.pane.id)), has_screen=True, on_answers=self._on_plain_captured)

    def _on_plain_interval(self) -> None:
        self._plain_timer = None
        if self._plain_is_stale:
            self._capture_plain()

    def _on_plain_captured(self, answers: Answers | None) -> None:
        if answers is None:
            self._plain_is_stale = True
            return
        text = b"\n".join(answers[1]).decode(errors="replace")
        has_changed = text != self._plain_text
        viewers = [viewer for viewer in self.viewers if viewer.plain and (has_changed or not viewer.live)]
        self._plain_text = text
        for viewer in viewers:
            viewer.live = True
        self._offer(Frame(str(self.pane.index), text, self._clock(), self.pane.size), viewers)

    def end(self) -> None:
        """End every viewer."""
        self._has_ended = True
        for timer in (self._flush_timer, self._plain_timer):
            if timer:
                timer.cancel()
        for viewer in self.viewers:
            viewer.end()
