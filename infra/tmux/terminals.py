"""`Terminals` on tmux, through its control mode."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from application.ports.clock import Clock
from application.ports.errors import Unavailable
from application.ports.terminals import Address, Pane, PaneNotFound, Shape, View, Window
from domain.errors import NotFound
from domain.region import LOCAL
from infra.tmux.attachment import LIST_PANES, SHOW_IDENTITY, Attachment, find_pane, is_session_at, parse_pane
from infra.tmux.control import ControlClient, TmuxRefused
from infra.tmux.hosts import TmuxGone
from infra.tmux.protocol import Answers, quote_id, send_keys
from infra.tmux.redraw import plain_commands
from infra.tmux.screens import WakeQueue
from infra.tmux.watch import TmuxWatch
from infra.tmux.watch_pool import TmuxWatchPool

SHAPES_TIMEOUT_S = 2.0
OPEN_TIMEOUT_S = 10.0  # for a workspace's terminal to be there
LINGER_S = 5.0  # that a client stays attached after its last viewer
MAX_PANE_CHARS = 6
MAX_NUMBER_CHARS = 10
# A window's name, unlike a session's, may have line breaks in it: the format replaces them.
LIST_ALL_PANES = (
    'list-panes -s -t {} -F "#{{window_index}} #{{window_active}} #{{pane_index}} #{{pane_active}} #{{pane_width}} '
    '#{{pane_height}} #{{pane_id}} #{{s/\\n/ /:window_name}}"'
)

LIST_SHAPES = (
    "list-sessions -F '#{pid} #{session_id} #{session_created} #{window_index} #{window_width} #{window_height} "
    "#{session_attached}'"
)
LIST_CLIENTS = "list-clients -F '#{session_id} #{client_control_mode}'"
MAX_SENT_BYTES = 1 << 14  # of keys at once; more are pasted
MAX_ERROR_CHARS = 200
SHOW_DEAD = "display-message -p -t {} '#{{pane_dead}}'"
LEAVE_MODE = "copy-mode -q -t {}"  # every mode, not only copy mode
DEAD_MARK = "dead"
DEAD_PANE = "the program in this pane has ended: start it anew (respawn-pane) to type into it"


class TmuxTerminals:
    """`Terminals` of the servers that a pool watches. Its maker runs the pool."""

    def __init__(self, watch_pool: TmuxWatchPool, clock: Clock) -> None:
        self.watch_pool = watch_pool
        self._clock, self._wake_queue = clock, WakeQueue()
        self._attachments: dict[Address, Attachment] = {}
        self._start_locks: WeakValueDictionary[Address, asyncio.Lock] = WeakValueDictionary()
        self._lingering: set[asyncio.Task[None]] = set()

    def is_available(self) -> bool:
        return shutil.which("tmux") is not None

    async def close(self) -> None:
        """End every client and viewer."""
        for task in self._lingering:
            task.cancel()
        await asyncio.gather(*(attachment.close() for attachment in self._attachments.values()))

    async def of_workspace(self, workspace_id: UUID) -> Address:
        if self.watch_pool.hosts is None:
            raise Unavailable("tmux", "workspaces have no terminals here")
        name = str(workspace_id)
        with port_errors():
            watch = await self.watch_pool.open(self.watch_pool.hosts.name_of(name, LOCAL))
            deadline = time.monotonic() + OPEN_TIMEOUT_S
            while True:
                with suppress(TmuxGone):
                    await watch.client()
                session = next((session for session in watch.state.sessions if session.name == name), None)
                if session:
                    return Address(session.host, session.server, session.tmux_id, session.created_at)
                if time.monotonic() > deadline or watch.state.is_up:
                    raise TmuxGone("the workspace's terminal does not answer")

    async def resize(self, at: Address, columns: int, lines: int) -> None:
        with port_errors():
            # resize-window keeps a window's size for all clients; default-size is for windows that come later.
            default = f"set-option -t {{}} default-size {columns:d}x{lines:d}"
            resize = f"resize-window -t {{}}: -x {columns:d} -y {lines:d}"
            await self._ask(await self._client(at), at, default, resize)

    def is_attached(self, at: Address) -> bool:
        watch = self.watch_pool.get(at.host)
        return watch is not None and at.tmux_id in watch.state.attached

    async def shapes(self, addresses: Sequence[Address]) -> dict[Address, Shape]:
        requested = set(addresses)
        watches = [watch for host in {at.host for at in addresses} if (watch := self.watch_pool.get(host))]
        shapes_by_host = await asyncio.gather(*map(self._shapes, watches))
        return {at: shape for shapes in shapes_by_host for at, shape in shapes.items() if at in requested}

    async def _shapes(self, watch: TmuxWatch) -> dict[Address, Shape]:
        shapes = {}
        try:
            async with asyncio.timeout(SHAPES_TIMEOUT_S):
                sessions, clients = await (await watch.client()).ask(LIST_SHAPES, LIST_CLIENTS)
            control_clients = Counter(line.split()[0] for line in clients if line.endswith(b" 1"))
            for line in sessions:
                server, id, *numbers = line.split()
                created, window, width, height, attached = map(parse_number, numbers)
                at = Address(watch.host.name, int(server), id.decode(), datetime.fromtimestamp(created, UTC))
                shapes[at] = Shape(window, width, height, attached - control_clients[id])
        except (TmuxGone, TmuxRefused, TimeoutError, ValueError):
            return {}
        return shapes

    # -- looking ------------------------------------------------------------------

    async def windows(self, at: Address) -> list[Window]:
        with port_errors():
            return await self._windows(at)

    async def _windows(self, at: Address) -> list[Window]:
        client = await self._client(at)
        (lines,) = await self._ask(client, at, LIST_ALL_PANES)
        rows = [line.decode(errors="replace").split(" ", 7) for line in lines]
        contents = [await self._capture(client, row[6]) for row in rows]
        windows: dict[int, Window] = {}
        for row, content in zip(rows, contents, strict=True):
            if content is None:
                continue  # the pane has been closed meanwhile
            window_index, is_current, index, is_active, width, height, _, name = row
            pane = Pane(parse_number(index), is_active == "1", parse_number(width), parse_number(height), content)
            key = parse_number(window_index)
            window = windows.get(key, Window(key, name, is_current == "1", ()))
            windows[key] = Window(window.index, window.name, window.active, (*window.panes, pane))
        return list(windows.values())

    async def capture(self, at: Address, pane: str | None) -> str:
        with port_errors():
            client = await self._client(at)
            content = await self._capture(client, await self._pane_id(client, at, pane))
        if content is None:
            raise PaneNotFound("the pane has gone")
        return content

    async def _capture(self, client: ControlClient, pane_id: str) -> str | None:
        """The pane's screen as plain text; None if the pane has gone."""
        try:
            _, lines = await client.ask(*plain_commands(quote_id(pane_id)), has_screen=True)
        except TmuxRefused:
            return None
        return b"\n".join(lines).decode(errors="replace")

    # -- typing -------------------------------------------------------------------

    async def type(self, at: Address, pane: str | None, keys: bytes) -> None:
        with port_errors():
            client = await self._client(at)
            attachment = self._attachments.get(at)
            if attachment and attachment.client is client:
                pane_id = attachment.pane(parse_pane_index(pane)).id
            else:
                pane_id = await self._pane_id(client, at, pane)
            try:
                if not keys:
                    return
                if len(keys) > MAX_SENT_BYTES:
                    await self._paste(at, pane_id, keys)
                else:
                    await self._send(client, pane_id, keys)
            except TmuxRefused as error:
                raise Unavailable("tmux", f"tmux does not take the keys: {error}") from None

    async def _send(self, client: ControlClient, pane_id: str, keys: bytes) -> None:
        """Send keys to the program in the pane. Leaves a mode, such as copy mode, which would take them for its own."""
        pane = quote_id(pane_id)
        first, *rest = send_keys(pane_id, keys)
        (is_dead, *_), *_ = await client.ask(SHOW_DEAD.format(pane), LEAVE_MODE.format(pane), first)
        if is_dead == b"1":
            raise Unavailable("tmux", DEAD_PANE)
        await client.send_all(rest)

    async def _paste(self, at: Address, pane_id: str, keys: bytes) -> None:
        """Type as `_send` does, from a buffer of tmux's: thousands of `send-keys` would keep the server from others.

        The program reads as fast as it likes; nobody waits for it.
        """
        host, pane, buffer = await self.watch_pool.find_host(at.host), quote_id(pane_id), f"tenure-{uuid4().hex}"
        # tmux 3.3 crashes where it pastes into a dead pane. `-r`: a line feed stays one.
        dead = f"delete-buffer -b {buffer} ; display-message -p {DEAD_MARK}"
        paste = f"{LEAVE_MODE.format(pane)} ; paste-buffer -d -r -b {buffer} -t {pane}"
        load = ("load-buffer", "-b", buffer, "-", ";")
        errors = await host.run(*load, "if-shell", "-F", "-t", pane_id, "#{pane_dead}", dead, paste, stdin=keys)
        if errors == DEAD_MARK:
            raise Unavailable("tmux", DEAD_PANE)
        if errors:
            raise TmuxRefused(errors[:MAX_ERROR_CHARS])

    async def _pane_id(self, client: ControlClient, at: Address, pane: str | None) -> str:
        (lines,) = await self._ask(client, at, LIST_PANES)
        index = parse_pane_index(pane)
        states = [parse_pane(line) for line in lines]
        state = find_pane(states, index)
        if state is None:
            raise PaneNotFound(f"the session has no pane {pane}")
        return state.id

    async def _ask(self, client: ControlClient, at: Address, *commands: str) -> Answers:
        """The answers about the session at that address. `NotFound` if its id is another session's now."""
        session = quote_id(at.tmux_id)
        formatted = (command.format(session) for command in commands)
        identity, *answers = await client.ask(SHOW_IDENTITY.format(session), *formatted)
        if not is_session_at(identity, at):
            raise NotFound("the session has gone")
        return answers

    async def _client(self, at: Address) -> ControlClient:
        """A client of the session's server: that of its viewers, or the one that watches the server."""
        if (attachment := self._attachments.get(at)) and attachment.client:
            return attachment.client
        return await (await self.watch_pool.open(at.host)).client()

    # -- following ----------------------------------------------------------------

    @asynccontextmanager
    async def view(self, at: Address, pane: str | None, *, plain: bool) -> AsyncIterator[View]:
        index = parse_pane_index(pane)
        with port_errors():
            attachment = await self._attach(at)
        try:
            viewer = attachment.join(index, plain)
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

    async def _attach(self, at: Address) -> Attachment:
        """The attachment to that session, with one more user; the caller takes the user back."""
        async with self._start_locks.setdefault(at, asyncio.Lock()):
            attachment = self._attachments.get(at)
            if attachment is None or attachment.has_ended:
                host = await self.watch_pool.find_host(at.host)
                attachment = Attachment(host, at, self._clock, self._wake_queue)
                await attachment.start()
                self._attachments[at] = attachment
            attachment.users += 1
            return attachment

    async def _linger(self, attachment: Attachment) -> None:
        """Close an attachment that nobody uses, after a while: a page that is reloaded comes back at once."""
        if not attachment.has_ended:
            await asyncio.sleep(LINGER_S)
        if not attachment.users:
            if self._attachments.get(attachment.at) is attachment:
                del self._attachments[attachment.at]
            await attachment.close()


def parse_pane_index(pane: str | None) -> int | None:
    """A pane's index from its text; None stays None. `PaneNotFound` for text that is no index."""
    if pane is None:
        return None
    if not (pane.isascii() and pane.isdecimal() and len(pane) <= MAX_PANE_CHARS):
        raise PaneNotFound("panes go by their numbers")
    return int(pane)


def parse_number(text: str | bytes) -> int:
    """A number of tmux's. `ValueError` for text that tmux would not write."""
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError("tmux has no such numbers")
    return int(text)


@contextmanager
def port_errors() -> Iterator[None]:
    """Raise what goes wrong with tmux as errors of the port."""
    try:
        yield
    except TmuxRefused as error:
        if "can't find" in str(error):
            raise NotFound("the session has gone") from None
        raise Unavailable("tmux", f"tmux does not answer as it should: {error}") from error
    except TmuxGone as error:
        raise Unavailable("tmux", str(error)) from error
    except ValueError as error:
        raise Unavailable("tmux", "what answers there is not tmux") from error
