"""A connection to a port that is open for one peer only: it begins with a word that both know."""

from __future__ import annotations

import asyncio
import contextlib
import socket

CONNECT_SECONDS = 0.5
SEND_SECONDS = 60.0


class Shortcut:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def read(self, most: int) -> bytes:
        """Empty: it has ended."""
        with contextlib.suppress(OSError):
            return await asyncio.get_running_loop().sock_recv(self._sock, most)
        return b""

    async def write(self, data: bytes) -> None:
        """`OSError` if it has ended, or takes nothing."""
        async with asyncio.timeout(SEND_SECONDS):
            await asyncio.get_running_loop().sock_sendall(self._sock, data)

    def close(self) -> None:
        self._sock.close()


async def connected(address: str, port: int, word: bytes) -> Shortcut | None:
    """None where there is no way from here to there."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
            await asyncio.get_running_loop().sock_sendall(sock, word)
    except OSError:  # also when it takes too long
        sock.close()
        return None
    except BaseException:
        sock.close()
        raise
    return Shortcut(sock)
