"""What a tmux client says, and when, to a tmux that is slower than a real one would be on request."""

from __future__ import annotations

import asyncio

import pytest

from infra.runtime.tasks import end
from infra.tmux.control import Control, TmuxGone
from infra.tmux.protocol import Message, Notice

ATTACHED = b"%begin 1 1 0\n%end 1 1 0\n%session-changed $0 main\n"


class SlowTmux:
    """`Pipe`: says what it is told to say."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[bytes] = asyncio.Queue()
        self.heard = b""

    async def read(self, most: int) -> bytes:
        return await self.says.get()

    async def write(self, data: bytes) -> None:
        self.heard += data

    async def close(self) -> None:
        pass


async def test_nothing_is_asked_before_it_is_attached() -> None:
    """tmux answers at once, also one whose attaching it has not got to, and then tells nothing of what is written."""
    tmux, told = SlowTmux(), list[Message]()
    control = Control(tmux, told.append)
    running = asyncio.create_task(control.run())
    asking = [asyncio.create_task(control.ask(f"display-message -p {word}")) for word in ("one", "two")]
    typing = asyncio.create_task(control.ask_all(["send-keys a", "send-keys b"]))
    tmux.says.put_nowait(b"%begin 1 1 0\n%end 1 1 0\n%sessions-changed\n")
    while not told:
        await asyncio.sleep(0)
    assert tmux.heard == b""

    tmux.says.put_nowait(ATTACHED)
    answers = (b"%%begin 1 %d 1\n%d\n%%end 1 %d 1\n" % (n, n, n) for n in range(2, 6))
    tmux.says.put_nowait(b"".join(answers))
    assert await asyncio.gather(*asking) == [[[b"2"]], [[b"3"]]]
    await typing
    assert tmux.heard == b"display-message -p one\ndisplay-message -p two\nsend-keys a\nsend-keys b\n"
    assert told == [Notice("%sessions-changed", ""), Notice("%session-changed", "$0 main")]
    await end([running])


async def test_who_waits_for_it_to_be_attached_is_told_when_it_never_is() -> None:
    tmux = SlowTmux()
    control = Control(tmux, lambda message: None)
    asking = asyncio.create_task(control.ask("list-sessions"))
    tmux.says.put_nowait(b"%begin 1 1 0\nno sessions\n%error 1 1 0\n%exit\n")
    tmux.says.put_nowait(b"")
    await control.run()
    with pytest.raises(TmuxGone):
        await asking
