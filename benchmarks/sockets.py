"""What benchmarks share that measure over WebSockets."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection


async def wait_for_silence(socket: ClientConnection, seconds: float) -> None:
    """Return when no message has come for so many seconds."""
    try:
        while True:
            async with asyncio.timeout(seconds):
                await socket.recv()
    except TimeoutError:
        return
