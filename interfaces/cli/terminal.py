"""A shared session in the terminal of this process: keys are sent as they are typed, and output is written here."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import re
import sys
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from interfaces.cli.host import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.asyncio.client import ClientConnection

LEAVE_KEY = "\x1d"  # Ctrl-]
HEARTBEAT_INTERVAL_S = 10.0
# Switches off the terminal modes that programs of the session may have switched on.
RESET = (
    "\x1b[?6l\x1b[r\x1b[?1049l\x1b[m\x1b[?25h\x1b[?1l\x1b>\x1b[?7h\x1b[4l"
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?2004l"
)
SCROLL_REGION = re.compile(r"\x1b\[\d+;\d+r")
ENDED_CODE = 4004  # there is no such session or pane, at first; later: the session has ended
FAILURES = {  # by the code of the WebSocket
    4000: "the server heard nothing from us",
    4001: "you are not signed in any more",
}


class Terminal:
    """The terminal of this process: standard input and output. Raises `Stop` without one."""

    def __init__(self) -> None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Stop("attach needs a terminal; tenure sessions list --json is for programs")
        self.input, self.output = sys.stdin.fileno(), sys.stdout.fileno()

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Read every key as it is, without echo or line editing, until the block is left."""
        before = termios.tcgetattr(self.input)
        tty.setraw(self.input)
        try:
            yield
        finally:
            termios.tcsetattr(self.input, termios.TCSADRAIN, before)

    def write(self, text: str) -> None:
        """Write all of the text."""
        data = text.encode()
        while data:
            with suppress(BlockingIOError):
                data = data[os.write(self.output, data) :]

    @property
    def lines(self) -> int:
        """The height of the terminal now."""
        return os.get_terminal_size(self.output).lines


def run(terminal: Terminal, url: str, headers: dict[str, str]) -> str:
    """Show the session until the user leaves it, or it ends. Returns the reason. Raises `Stop` if it fails."""
    return asyncio.run(attach(terminal, url, headers))


async def attach(terminal: Terminal, url: str, headers: dict[str, str]) -> str:
    """Connect, and show the session. Raises `Stop` if the connection fails, or ends before the session does."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, WebSocketException

    has_begun = False
    try:
        async with connect(url, additional_headers=headers, max_size=None, compression=None) as socket:
            await receive_greeting(socket)
            has_begun = True
            with terminal.raw():
                try:
                    return await relay(terminal, socket)
                finally:
                    terminal.write(f"{RESET}\x1b[{terminal.lines};1H\r\n")
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 0
        if code != ENDED_CODE:
            raise Stop(f"The terminal was cut off: {FAILURES.get(code, 'the server is gone')}.") from None
        if not has_begun:
            raise Stop("There is no such session, or no such pane; see tenure sessions list") from None
        return "The session is over."
    except (WebSocketException, OSError) as error:
        raise Stop(f"the terminal cannot be reached: {error}") from None


async def receive_greeting(socket: ClientConnection) -> None:
    """Read the first message. A refusal closes the socket here, before the terminal is put into raw mode."""
    json.loads(await socket.recv())


async def relay(terminal: Terminal, socket: ClientConnection) -> str:
    """Show output and send keys until the user leaves. Raises `ConnectionClosed`."""
    parts = (show_output(terminal, socket), send_keys(terminal, socket), send_heartbeats(socket))
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            task.result()
        return "Left."
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def show_output(terminal: Terminal, socket: ClientConnection) -> None:
    """Write the session's output to the terminal, and errors on its last line."""
    async for text in socket:
        message: dict[str, Any] = json.loads(text)
        if message["type"] == "output":
            terminal.write(message["data"])
            if message.get("height", terminal.lines) < terminal.lines and not SCROLL_REGION.search(message["data"]):
                # Scroll within the height of the session's screen.
                terminal.write(f"\x1b7\x1b[1;{message['height']}r\x1b8")
        elif message["type"] == "error":
            terminal.write(f"\a\x1b7\x1b[{terminal.lines};1H\x1b[7m {message['message']} (Ctrl-] leaves) \x1b[m\x1b8")


async def send_keys(terminal: Terminal, socket: ClientConnection) -> None:
    """Send keys until Ctrl-] is typed."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    loop.add_reader(terminal.input, lambda: typed.put_nowait(os.read(terminal.input, 65536)))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while data := await typed.get():
            keys, leave, _ = decoder.decode(data).partition(LEAVE_KEY)
            if keys:
                await socket.send(json.dumps({"type": "sendKeys", "keys": keys}))
            if leave:
                return
    finally:
        loop.remove_reader(terminal.input)


async def send_heartbeats(socket: ClientConnection) -> None:
    """Send heartbeats, without which the server closes the socket."""
    while True:
        await asyncio.sleep(HEARTBEAT_INTERVAL_S)
        await socket.send('{"type": "heartbeat"}')
