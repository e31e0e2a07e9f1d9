"""A control client against a fake tmux that answers when the test output."""

from __future__ import annotations

import asyncio
import gc

import pytest

from infra.runtime.tasks import end_tasks
from infra.tmux.control import ControlClient
from infra.tmux.hosts import TmuxGone
from infra.tmux.protocol import Message, Notice

ATTACHED = b"%begin 1 1 0\n%end 1 1 0\n%session-changed $0 main\n"


class SlowTmux:
    """`Pipe` whose output is what the test queues, and which keeps its input."""

    def __init__(self) -> None:
        self.output: asyncio.Queue[bytes] = asyncio.Queue()
        self.input = b""

    async def read(self, max_bytes: int) -> bytes:
        return await self.output.get()

    async def write(self, data: bytes) -> None:
        self.input += data

    async def close(self) -> None:
        pass


async def test_nothing_is_asked_before_it_is_attached() -> None:
    """tmux would answer before it has attached the client, and not report what is written in between."""
    tmux, messages = SlowTmux(), list[Message]()
    client = ControlClient(tmux, messages.append)
    running = asyncio.create_task(client.run())
    asking = [asyncio.create_task(client.ask(f"display-message -p {word}")) for word in ("one", "two")]
    typing = asyncio.create_task(client.send_all(["send-keys a", "send-keys b"]))
    tmux.output.put_nowait(b"%begin 1 1 0\n%end 1 1 0\n%sessions-changed\n")
    while not messages:
        await asyncio.sleep(0)
    assert tmux.input == b""

    tmux.output.put_nowait(ATTACHED)
    answers = (b"%%begin 1 %d 1\n%d\n%%end 1 %d 1\n" % (n, n, n) for n in range(2, 6))
    tmux.output.put_nowait(b"".join(answers))
    assert await asyncio.gather(*asking) == [[[b"2"]], [[b"3"]]]
    await typing
    assert tmux.input == b"display-message -p one\ndisplay-message -p two\nsend-keys a\nsend-keys b\n"
    assert messages == [Notice("%sessions-changed", ""), Notice("%session-changed", "$0 main")]
    await end_tasks([running])


async def test_who_waits_for_it_to_be_attached_is_told_when_it_never_is() -> None:
    tmux = SlowTmux()
    client = ControlClient(tmux, lambda message: None)
    asking = asyncio.create_task(client.ask("list-sessions"))
    tmux.output.put_nowait(b"%begin 1 1 0\nno sessions\n%error 1 1 0\n%exit\n")
    tmux.output.put_nowait(b"")
    await client.run()
    with pytest.raises(TmuxGone):
        await asking


class DeafTmux(SlowTmux):
    """Takes no input."""

    async def write(self, data: bytes) -> None:
        await asyncio.Event().wait()


async def test_the_end_of_tmux_is_no_error_for_a_caller_that_has_given_up(caplog: pytest.LogCaptureFixture) -> None:
    # given
    tmux = DeafTmux()
    client = ControlClient(tmux, lambda message: None)
    tmux.output.put_nowait(ATTACHED)
    running = asyncio.create_task(client.run())
    asking = asyncio.create_task(client.ask("list-sessions"))
    while not client._requests or client._unsent is not None:
        await asyncio.sleep(0)
    await end_tasks([asking])
    # when
    tmux.output.put_nowait(b"")
    await running
    del asking
    gc.collect()
    # then
    assert caplog.records == []
