"""Many readers of one event stream, in a process of their own.

    python -m benchmarks.readers URL READERS EVENTS

Says `ready` once all of them are, and then how long it took from the first event until each had so many, as JSON.
With no events to wait for, it reads on until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

READY, MARK = b"event: ready", b"event: workspace."


class Reader:
    def __init__(self, events: int) -> None:
        self.events = events
        self.seen = self.bytes = 0
        self.first = self.last = 0.0

    async def connect(self, host: str, port: int, path: str) -> None:
        """Return once the stream has said that it is ready."""
        self._stream, self._writer = await asyncio.open_connection(host, port)
        self._writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nx-user: bench\r\n\r\n".encode())
        await self._stream.readuntil(READY)

    async def read(self) -> None:
        """Count events until they are complete. What is cut in two by the end of a read is counted with the next."""
        rest = b""
        while not self.events or self.seen < self.events:
            got = await self._stream.read(262_144)
            if not got:
                raise SystemExit(f"a stream ended after {self.seen} events")
            if not self.seen:
                self.first = time.perf_counter()
            self.bytes += len(got)
            rest += got
            self.seen += rest.count(MARK)
            rest = rest[max(rest.rfind(MARK) + len(MARK), len(rest) - len(MARK) + 1) :]
        self.last = time.perf_counter()


async def main(url: str, count: int, events: int) -> None:
    at = urlsplit(url)
    readers = [Reader(events) for _ in range(count)]
    for nth in range(0, count, 50):
        fifty = readers[nth : nth + 50]
        await asyncio.gather(*(r.connect(at.hostname or "", at.port or 80, at.path) for r in fifty))
    print("ready", flush=True)
    if not events:
        await asyncio.to_thread(sys.stdin.read)
        return
    await asyncio.gather(*(reader.read() for reader in readers))
    seconds = max(r.last for r in readers) - min(r.first for r in readers)
    told = {"deliveries": sum(r.seen for r in readers), "bytes": sum(r.bytes for r in readers), "seconds": seconds}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
