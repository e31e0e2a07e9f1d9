"""One pane's screen, for any number of viewers: first the whole of it, then what is written, in order.

What is written is decoded once and handed to all of them. A viewer whose queue is full loses it, and gets the whole
screen again when they have caught up: nobody's memory grows, and everybody ends with what is on the screen.
"""

from __future__ import annotations

import asyncio
import codecs
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from application.ports.clock import Clock
from application.ports.terminals import Frame
from domain.errors import NotFound
from infra.tmux.protocol import checked, unescaped

BOUND = 1 << 18  # characters that wait for one viewer
FLOOD = 1 << 21  # characters sent at once, to all viewers of a pane together; rather than more, they get its screen
BREATH = 0.00015  # seconds between frames, for each viewer that they go to; four times that between whole screens
AGAIN = 0.2  # seconds until a capture that failed is tried again
PLAIN = 0.05  # seconds between whole screens for viewers who get nothing else
AT_ONCE = 4  # viewers woken in one turn of the event loop; what others type is served between

GEOMETRY = (
    "display-message -p -t {} '#{{pane_height}} #{{pane_width}} #{{cursor_y}} #{{cursor_x}} #{{alternate_on}} "
    "#{{cursor_flag}} #{{keypad_cursor_flag}} #{{keypad_flag}} #{{scroll_region_upper}} #{{scroll_region_lower}} "
    "#{{mouse_standard_flag}} #{{mouse_button_flag}} #{{mouse_any_flag}} #{{mouse_sgr_flag}} #{{insert_flag}}'"
)


@dataclass(frozen=True)
class PaneSeen:
    id: str
    index: int
    size: tuple[int, int]  # columns, lines


class Turns:
    """Wakes many, a few at a time."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Event] = deque()

    def wake(self, sleeper: asyncio.Event) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        self._waiting.append(sleeper)

    def _turn(self) -> None:
        for _ in range(min(AT_ONCE, len(self._waiting))):
            self._waiting.popleft().set()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)


class Viewer:
    """`application.ports.View`."""

    def __init__(self, screen: Screen, plain: bool) -> None:
        self.screen, self.plain = screen, plain
        self.live = False  # it has had the whole screen, and all since then
        self.ready = asyncio.Event()
        self._queue: deque[Frame] = deque()
        self._waiting = 0  # characters
        self._over = False

    async def next(self) -> Frame:
        while not self._queue:
            if self._over:
                raise NotFound("the session has gone")
            self.ready.clear()
            if not self.live:
                self.screen.want(self)
            await self.ready.wait()
        frame = self._queue.popleft()
        self._waiting -= len(frame.data)
        return frame

    def offer(self, frame: Frame) -> bool:
        """Whether it was quiet before, and is to be woken."""
        was_quiet = not self._queue
        if frame.size or self.plain:
            self._queue.clear()
            self._waiting = 0
        self._queue.append(frame)
        self._waiting += len(frame.data)
        if self._waiting > BOUND and not frame.size:
            self._queue.clear()
            self._waiting, self.live = 0, False
            return True
        return was_quiet

    def end(self) -> None:
        self._over = True
        self.ready.set()


Ask = Callable[..., None]  # (*commands, screen=, then=): asks in the background


class Screen:
    """`key` is the pane's index; `pane` is which one that is now."""

    def __init__(self, key: int, pane: PaneSeen, ask: Ask, clock: Clock, turns: Turns) -> None:
        self.key, self.pane = key, pane
        self.viewers: set[Viewer] = set()
        self._ask, self._clock, self._turns = ask, clock, turns
        self._loop = asyncio.get_running_loop()
        self._decoder = decoder()
        self._begun = False
        self._pending: list[str] = []
        self._size = 0
        self._flushed = 0.0
        self._flushing: asyncio.TimerHandle | None = None
        self._capturing = False
        self._captured_at = -1.0
        self._live = False  # somebody follows what is written
        self._plain_rest: asyncio.TimerHandle | None = None
        self._plain_dirty = False
        self._plain_text: str | None = None
        self._over = False

    def moved(self, pane: PaneSeen) -> None:
        """It is another pane now, or has another size."""
        self.pane = pane
        self.again()

    def again(self) -> None:
        """Everybody needs the whole screen anew. Until then tmux need not tell what is written."""
        self._drop()
        self._decoder, self._begun, self._live = decoder(), False, False
        if any(not viewer.plain for viewer in self.viewers):
            self._ask(f"refresh-client -A {checked(self.pane.id)}:pause")
        for viewer in () if self._over else self.viewers:
            viewer.live = False
            self.want(viewer)

    def skipped(self) -> None:
        """What was written was not told."""
        if self._live:
            self.again()
        self._fetch()

    def wrote(self, data: bytes) -> None:
        if not self._begun:
            data, self._begun = data.lstrip(CONTINUATION), True  # the end of a character that began before us
        text = self._decoder.decode(data)
        if not self._live:
            self._plain()
            return  # everybody else waits for the whole screen
        self._pending.append(text)
        self._size += len(text)
        if self._size > min(BOUND, FLOOD // len(self.viewers)):
            self.again()
        elif self._flushing is None:
            wait = self._flushed + BREATH * len(self.viewers) - self._loop.time()
            if wait > 0:
                self._flushing = self._loop.call_later(wait, self._flush)
            else:
                self._flush()

    def _flush(self) -> None:
        text = "".join(self._pending)
        self._drop()
        self._flushed = self._loop.time()
        if not text:
            return
        frame = Frame(str(self.pane.index), text, self._clock(), None)
        self._offer(frame, [viewer for viewer in self.viewers if viewer.live and not viewer.plain])
        self._plain()

    def _drop(self) -> None:
        self._pending.clear()
        self._size = 0
        if self._flushing:
            self._flushing.cancel()
            self._flushing = None

    def _offer(self, frame: Frame, viewers: list[Viewer]) -> None:
        few = len(viewers) <= AT_ONCE
        for viewer in viewers:
            if viewer.offer(frame):
                if few:
                    viewer.ready.set()
                else:
                    self._turns.wake(viewer.ready)

    def want(self, viewer: Viewer) -> None:
        """They need the whole screen. Those who ask meanwhile get the same."""
        if viewer.plain:
            self._plain()
        else:
            self._fetch()

    def _fetch(self) -> None:
        if not self._capturing:
            self._capturing = True
            wait = self._captured_at + 4 * BREATH * len(self.viewers) - self._loop.time()
            self._loop.call_later(max(0.0, wait), self._capture)

    def _capture(self) -> None:
        if self._over:
            return
        pane = checked(self.pane.id)
        self._ask(f"refresh-client -A {pane}:continue")
        commands = (GEOMETRY.format(pane), f"capture-pane -e -N -p -t {pane}", f"capture-pane -P -p -C -t {pane}")
        self._ask(*commands, screen=True, then=self._captured)

    def _captured(self, answers: list[list[bytes]] | None) -> None:
        self._capturing = False
        if answers is None:
            self._loop.call_later(AGAIN, self.again)  # the pane has gone, and what is there instead is not yet known
            return
        self._flush()  # what was written before it goes to those who follow already
        self._live, self._captured_at = True, self._loop.time()
        size, data = whole(answers)
        frame = Frame(str(self.pane.index), data, self._clock(), size)
        late = [viewer for viewer in self.viewers if not viewer.live and not viewer.plain]
        for viewer in late:
            viewer.live = True
        self._offer(frame, late)
        self._plain()

    def _plain(self) -> None:
        """Show the whole screen to those who get nothing else: now, or when the last time is long enough ago."""
        self._plain_dirty = True
        if self._plain_rest is None and any(viewer.plain for viewer in self.viewers):
            self._plain_dirty = False
            self._plain_rest = self._loop.call_later(PLAIN, self._rested)
            pane = checked(self.pane.id)
            self._ask(GEOMETRY.format(pane), f"capture-pane -p -t {pane}", screen=True, then=self._plain_captured)

    def _rested(self) -> None:
        self._plain_rest = None
        if self._plain_dirty:
            self._plain()

    def _plain_captured(self, answers: list[list[bytes]] | None) -> None:
        if answers is None:
            self._plain_dirty = True
            return
        text = b"\n".join(answers[1]).decode(errors="replace")
        viewers = [it for it in self.viewers if it.plain and (text != self._plain_text or not it.live)]
        self._plain_text = text
        for viewer in viewers:
            viewer.live = True
        self._offer(Frame(str(self.pane.index), text, self._clock(), self.pane.size), viewers)

    def end(self) -> None:
        self._over = True
        for timer in (self._flushing, self._plain_rest):
            if timer:
                timer.cancel()
        for viewer in self.viewers:
            viewer.end()


CONTINUATION = bytes(range(0x80, 0xC0))


def decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


def whole(answers: list[list[bytes]]) -> tuple[tuple[int, int], str]:
    """Size and contents of a screen, as a terminal is to be written to so that it shows the same."""
    numbers = [int(word) for word in answers[0][0].split()]
    height, width, y, x, alternate, cursor, cursor_keys, keypad, upper, lower, *mouse, insert = numbers
    lines = answers[1]
    body = b"\r\n".join(lines).decode(errors="replace")
    modes = f"\x1b[?1049{'hl'[not alternate]}\x1b[r\x1b[4l\x1b[m"
    drawn = f"\x1b[2J\x1b[H{body}"
    if "\x0e" in body:
        modes += "\x1b)0"  # line drawing, which a capture writes between SO and SI
    place = f"\x1b[{y + 1};{x + 1}H"
    if x >= width:  # the next character goes to the next line: only writing the last one says so
        place = f"\x1b[{y + 1};1H{lines[y].decode(errors='replace')}"
    if (upper, lower) != (0, height - 1):
        place = f"\x1b[{upper + 1};{lower + 1}r{place}"
    flags = zip(("?25", "?1", "?1000", "?1002", "?1003", "?1006"), (cursor, cursor_keys, *mouse), strict=True)
    after = "".join(f"\x1b[{name}{'hl'[not on]}" for name, on in flags)
    after += ("\x1b=" if keypad else "\x1b>") + ("\x1b[4h" if insert else "")
    half = decoder().decode(unescaped(b"\n".join(answers[2])))  # a sequence that is not complete yet
    return (width, height), f"{modes}{drawn}\x1b[m{place}{after}{half}"
