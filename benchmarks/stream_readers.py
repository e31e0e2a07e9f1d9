"""Reads one event stream with many readers, in a process of their own.

    python -m benchmarks.stream_readers URL READERS EVENTS

Prints `ready` once all streams are open, then the time from the first event until each reader had EVENTS, as JSON.
With 0 events it keeps the streams open until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

READY, EVENT_START = b"event: ready", b"event: workspace."
READ_BYTES = 262_144
PARALLEL_CONNECTIONS = 50


class Reader:
    """One stream, whose events are counted."""

    def __init__(self, events: int) -> None:
        self.events = events
        self.count = self.bytes = 0
        self.first_at = self.last_at = 0.0

    async def connect(self, host: str, port: int, path: str) -> None:
        """Open the stream, and return when it is ready."""
        self._stream, self._writer = await asyncio.open_connection(host, port)
        self._writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nx-user: bench\r\n\r\n".encode())
        await self._stream.readuntil(READY)

    async def read(self) -> None:
        """Count events until there are enough. An event split between two reads is counted with the second."""
        rest = b""
        while not self.events or self.count < self.events:
            data = await self._stream.read(READ_BYTES)
            if not data:
                raise SystemExit(f"a stream ended after {self.count} events")
            if not self.count:
                self.first_at = time.perf_counter()
            self.bytes += len(data)
            rest += data
            self.count += rest.count(EVENT_START)
            rest = rest[max(rest.rfind(EVENT_START) + len(EVENT_START), len(rest) - len(EVENT_START) + 1) :]
        self.last_at = time.perf_counter()


async def main(url: str, count: int, events: int) -> None:
    """Open `count` streams, read `events` on each, and print the figures."""
    address = urlsplit(url)
    readers = [Reader(events) for _ in range(count)]
    for start in range(0, count, PARALLEL_CONNECTIONS):
        some = readers[start : start + PARALLEL_CONNECTIONS]
        await asyncio.gather(*(r.connect(address.hostname or "", address.port or 80, address.path) for r in some))
    print("ready", flush=True)
    if not events:
        await asyncio.to_thread(sys.stdin.read)
        return
    await asyncio.gather(*(reader.read() for reader in readers))
    seconds = max(r.last_at for r in readers) - min(r.first_at for r in readers)
    figures = {"deliveries": sum(r.count for r in readers), "bytes": sum(r.bytes for r in readers), "seconds": seconds}
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
