"""A TCP connection to a program inside a container, for much data.

The program listens on a port of its container, which other containers may reach: the connection begins with a token
that only both ends know.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

CONNECT_TIMEOUT_S = 0.5
SEND_TIMEOUT_S = 60.0


class SideChannel:
    """A connected socket with a program at its other end. `connect` opens one."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def read(self, max_bytes: int) -> bytes:
        """The next bytes; empty once the connection has ended."""
        with contextlib.suppress(OSError):
            return await asyncio.get_running_loop().sock_recv(self._sock, max_bytes)
        return b""

    async def write(self, data: bytes) -> None:
        """Send all of it. `OSError` if the connection has ended; `TimeoutError`, which is one, if nothing is taken."""
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await asyncio.get_running_loop().sock_sendall(self._sock, data)

    def close(self) -> None:
        """Close the socket; the program then sees the end of its input."""
        self._sock.close()


async def connect(address: str, port: int, token: bytes) -> SideChannel | None:
    """Connect, and send the token. None where the address cannot be reached from this host, or not in time."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
            await asyncio.get_running_loop().sock_sendall(sock, token)
    except OSError:  # `TimeoutError` is one
        sock.close()
        return None
    except BaseException:
        sock.close()
        raise
    return SideChannel(sock)
