"""`Terminals` on tmux: looked at, and typed into, through its control mode."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from uuid import UUID

from application.ports.clock import Clock
from application.ports.errors import Unavailable
from application.ports.terminals import Address, Pane, Shape, View, Window
from domain.errors import NotFound
from domain.region import LOCAL
from infra.tmux.attachment import PANES, WHICH, Attachment, is_that, pane_seen
from infra.tmux.control import Control, TmuxGone, TmuxRefused
from infra.tmux.protocol import checked, send_keys
from infra.tmux.screens import GEOMETRY, Turns
from infra.tmux.watch import Watch
from infra.tmux.watch_pool import Watches

SHAPE_SECONDS = 2.0
OPEN_SECONDS = 10.0  # for a workspace's terminal to be there
LINGER = 5.0  # seconds that a client stays when its last viewer has gone
# The name of a window, unlike a session's, may have line breaks in it.
ALL_PANES = (
    'list-panes -s -t {} -F "#{{window_index}} #{{window_active}} #{{pane_index}} #{{pane_active}} #{{pane_width}} '
    '#{{pane_height}} #{{pane_id}} #{{s/\\n/ /:window_name}}"'
)

SHAPES = (
    "list-sessions -F '#{pid} #{session_id} #{session_created} #{window_index} #{window_width} #{window_height} "
    "#{session_attached}'"
)
CLIENTS = "list-clients -F '#{session_id} #{client_control_mode}'"


class TmuxTerminals:
    """`watches` know the servers; whoever makes this runs them."""

    def __init__(self, watches: Watches, clock: Clock) -> None:
        self.watches = watches
        self._clock, self._turns = clock, Turns()
        self._attached: dict[Address, Attachment] = {}
        self._starting: dict[Address, asyncio.Lock] = {}
        self._lingering: set[asyncio.Task[None]] = set()

    def had(self) -> bool:
        return shutil.which("tmux") is not None

    async def close(self) -> None:
        for task in self._lingering:
            task.cancel()
        await asyncio.gather(*(one.close() for one in self._attached.values()))

    async def of(self, workspace_id: UUID) -> Address:
        if self.watches.places is None:
            raise Unavailable("tmux", "workspaces have no terminals here")
        name = str(workspace_id)
        with troubles():
            watch = await self.watches.of(self.watches.places.place_of(name, LOCAL))
            until = time.monotonic() + OPEN_SECONDS
            while True:
                with suppress(TmuxGone):
                    await watch.control()
                seen = next((it for it in watch.sight.sessions if it.name == name), None)
                if seen:
                    return Address(seen.host, seen.server, seen.tmux_id, seen.created_at)
                if time.monotonic() > until or watch.sight.there:
                    raise TmuxGone("the workspace's terminal does not answer")

    async def resize(self, at: Address, columns: int, lines: int) -> None:
        with troubles():
            # A window that was given a size once keeps it, whoever looks at it.
            new = f"set-option -t {{}} default-size {columns:d}x{lines:d}"
            await self._ask(await self._control(at), at, new, f"resize-window -t {{}}: -x {columns:d} -y {lines:d}")

    def attached(self, at: Address) -> bool:
        watch = self.watches.get(at.host)
        return watch is not None and at.tmux_id in watch.sight.attached

    async def shapes(self, of: Sequence[Address]) -> dict[Address, Shape]:
        wanted = set(of)
        there = [watch for host in {at.host for at in of} if (watch := self.watches.get(host))]
        found = await asyncio.gather(*map(self._shapes, there))
        return {at: shape for one in found for at, shape in one.items() if at in wanted}

    async def _shapes(self, watch: Watch) -> dict[Address, Shape]:
        found = {}
        try:
            async with asyncio.timeout(SHAPE_SECONDS):
                sessions, clients = await (await watch.control()).ask(SHAPES, CLIENTS)
            ours = Counter(line.split()[0] for line in clients if line.endswith(b" 1"))
            for line in sessions:
                server, id, *numbers = line.split()
                created, window, width, height, attached = map(number, numbers)
                at = Address(watch.place.name, int(server), id.decode(), datetime.fromtimestamp(created, UTC))
                found[at] = Shape(window, width, height, attached - ours[id])
        except (TmuxGone, TmuxRefused, TimeoutError, ValueError):
            return {}
        return found

    # -- looked at ---------------------------------------------------------------

    async def windows(self, at: Address) -> list[Window]:
        with troubles():
            return await self._windows(at)

    async def _windows(self, at: Address) -> list[Window]:
        control = await self._control(at)
        (lines,) = await self._ask(control, at, ALL_PANES)
        seen = [line.decode(errors="replace").split(" ", 7) for line in lines]
        captured = [await self._captured(control, pane[6]) for pane in seen]
        windows: dict[int, Window] = {}
        for (window, current, index, active, width, height, _, name), content in zip(seen, captured, strict=True):
            if content is None:
                continue  # it has just been closed
            pane = Pane(number(index), active == "1", number(width), number(height), content)
            known = windows.get(number(window), Window(number(window), name, current == "1", ()))
            windows[known.index] = Window(known.index, known.name, known.active, (*known.panes, pane))
        return list(windows.values())

    async def capture(self, at: Address, pane: str | None) -> str:
        with troubles():
            control = await self._control(at)
            content = await self._captured(control, await self._pane(control, at, pane))
        if content is None:
            raise NotFound("the pane has gone")
        return content

    async def _captured(self, control: Control, pane: str) -> str | None:
        id = checked(pane)
        try:
            _, lines = await control.ask(GEOMETRY.format(id), f"capture-pane -p -t {id}", screen=True)
        except TmuxRefused:
            return None
        return b"\n".join(lines).decode(errors="replace")

    # -- typed into --------------------------------------------------------------

    async def type(self, at: Address, pane: str | None, keys: bytes) -> None:
        with troubles():
            control = await self._control(at)
            attachment = self._attached.get(at)
            if attachment and attachment.control is control:
                id = attachment.pane(key_of(pane)).id
            else:
                id = await self._pane(control, at, pane)
            try:
                await control.ask_all(send_keys(id, keys))
            except TmuxRefused as refused:
                raise Unavailable("tmux", f"tmux does not take the keys: {refused}") from None

    async def _pane(self, control: Control, at: Address, pane: str | None) -> str:
        (lines,) = await self._ask(control, at, PANES)
        key = key_of(pane)
        panes = [pane_seen(line) for line in lines]
        found = next((it.id for it in panes if key is None or it.index == key), None)
        if found is None:
            raise NotFound(f"the session has no pane {pane}")
        return found

    async def _ask(self, control: Control, at: Address, *commands: str) -> list[list[bytes]]:
        """The answer about this very session: ids are given anew by every server."""
        session = checked(at.tmux_id)
        which, *answers = await control.ask(WHICH.format(session), *(it.format(session) for it in commands))
        if not is_that(which, at):
            raise NotFound("the session has gone")
        return answers

    async def _control(self, at: Address) -> Control:
        """A client to ask: the one that its viewers have, or the one that watches the server."""
        if (attachment := self._attached.get(at)) and attachment.control:
            return attachment.control
        return await (await self.watches.of(at.host)).control()

    # -- followed ----------------------------------------------------------------

    @asynccontextmanager
    async def view(self, at: Address, pane: str | None, *, plain: bool) -> AsyncIterator[View]:
        key = key_of(pane)
        with troubles():
            attachment = await self._attachment(at)
        try:
            viewer = attachment.join(key, plain)
            try:
                yield viewer
            finally:
                attachment.leave(viewer)
        finally:
            attachment.users -= 1
            if not attachment.users:
                task = asyncio.create_task(self._linger(attachment))
                self._lingering.add(task)
                task.add_done_callback(self._lingering.discard)

    async def _attachment(self, at: Address) -> Attachment:
        async with self._starting.setdefault(at, asyncio.Lock()):
            known = self._attached.get(at)
            if known is None or known.over:
                known = Attachment(await self.watches.place(at.host), at, self._clock, self._turns)
                await known.start()
                self._attached[at] = known
            known.users += 1
            return known

    async def _linger(self, attachment: Attachment) -> None:
        if not attachment.over:
            await asyncio.sleep(LINGER)
        if not attachment.users:
            if self._attached.get(attachment.at) is attachment:
                del self._attached[attachment.at]
                self._starting.pop(attachment.at, None)
            await attachment.close()


def key_of(pane: str | None) -> int | None:
    """A pane's index from its text."""
    if pane is None:
        return None
    if not (pane.isascii() and pane.isdecimal() and len(pane) <= 6):
        raise NotFound("panes go by their numbers")
    return int(pane)


def number(text: str | bytes) -> int:
    """A number of tmux's. `ValueError` for what is none, or no reasonable one."""
    if len(text) > 10:
        raise ValueError("tmux has no such numbers")
    return int(text)


@contextmanager
def troubles() -> Iterator[None]:
    """What tmux says, in the words of the port."""
    try:
        yield
    except TmuxRefused as refused:
        if "can't find" in str(refused):
            raise NotFound("the session has gone") from None
        raise Unavailable("tmux", f"tmux does not answer as it should: {refused}") from refused
    except TmuxGone as gone:
        raise Unavailable("tmux", str(gone)) from gone
    except ValueError as nonsense:
        raise Unavailable("tmux", "what answers there is not tmux") from nonsense
