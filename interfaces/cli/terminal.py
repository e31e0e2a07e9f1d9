"""A session in the terminal that we run in: keys go there as they are typed, and what is written comes back."""

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

LEAVE = "\x1d"  # Ctrl-]
BEAT = 10.0  # seconds between signs of life
# Whatever the session's programs have switched on is switched off again.
RESET = "\x1b[r\x1b[?1049l\x1b[m\x1b[?25h\x1b[?1l\x1b>\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[4l"
REGION = re.compile(r"\x1b\[\d+;\d+r")
CLOSED = {
    4000: "the server heard nothing from us",
    4001: "you are not signed in any more",
    4004: "there is no such session, or no such pane",
}


class Terminal:
    """Our own: standard input and output."""

    def __init__(self) -> None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Stop("attach needs a terminal; tenure sessions list --json is for programs")
        self.input, self.output = sys.stdin.fileno(), sys.stdout.fileno()

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Every key as it is, and nothing of ours between."""
        before = termios.tcgetattr(self.input)
        tty.setraw(self.input)
        try:
            yield
        finally:
            termios.tcsetattr(self.input, termios.TCSADRAIN, before)

    def write(self, text: str) -> None:
        data = text.encode()
        while data:
            with suppress(BlockingIOError):
                data = data[os.write(self.output, data) :]

    @property
    def lines(self) -> int:
        return os.get_terminal_size(self.output).lines


def run(terminal: Terminal, url: str, cookie: str) -> str:
    """Until it is left, or ends. Returns why."""
    return asyncio.run(attached(terminal, url, cookie))


async def attached(terminal: Terminal, url: str, cookie: str) -> str:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, WebSocketException

    headers = {"Cookie": f"tenure_login={cookie}"}
    try:
        async with connect(url, additional_headers=headers, max_size=None, compression=None) as socket:
            await first(socket)
            with terminal.raw():
                try:
                    return await talk(terminal, socket)
                finally:
                    terminal.write(f"{RESET}\x1b[{terminal.lines};1H\r\n")
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 0
        return f"The session is over: {CLOSED.get(code, 'the server is gone')}."
    except (WebSocketException, OSError) as error:
        raise Stop(f"the terminal cannot be reached: {error}") from None


async def first(socket: ClientConnection) -> None:
    """A refusal comes before our terminal is changed."""
    json.loads(await socket.recv())


async def talk(terminal: Terminal, socket: ClientConnection) -> str:
    tasks = [asyncio.create_task(it) for it in (show(terminal, socket), type_on(terminal, socket), beat(socket))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return "Left."
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def show(terminal: Terminal, socket: ClientConnection) -> None:
    async for message in socket:
        told: dict[str, Any] = json.loads(message)
        if told["type"] == "output":
            terminal.write(told["data"])
            if told.get("height", terminal.lines) < terminal.lines and not REGION.search(told["data"]):
                terminal.write(f"\x1b7\x1b[1;{told['height']}r\x1b8")  # it scrolls where the session's screen ends
        elif told["type"] == "error":
            terminal.write(f"\a\x1b7\x1b[{terminal.lines};1H\x1b[7m {told['message']} (Ctrl-] leaves) \x1b[m\x1b8")


async def type_on(terminal: Terminal, socket: ClientConnection) -> None:
    """Until Ctrl-] is typed."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    loop.add_reader(terminal.input, lambda: typed.put_nowait(os.read(terminal.input, 65536)))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while data := await typed.get():
            keys, leave, _ = decoder.decode(data).partition(LEAVE)
            if keys:
                await socket.send(json.dumps({"type": "sendKeys", "keys": keys}))
            if leave:
                return
    finally:
        loop.remove_reader(terminal.input)


async def beat(socket: ClientConnection) -> None:
    while True:
        await asyncio.sleep(BEAT)
        await socket.send('{"type": "heartbeat"}')
