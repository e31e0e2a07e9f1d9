"""What `wrk` does, for machines without it: clients that ask one request after the other, in a process of their own.

    python -m benchmarks.load_client URL CLIENTS SECONDS BODY HEADER…

An empty BODY is a GET. Prints the same line of JSON as `load.lua`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

import h11

from benchmarks.rows import quantile


class Client:
    def __init__(self, url: str, body: bytes, headers: list[str]) -> None:
        self._at = urlsplit(url)
        self._body = body
        named = [("host", self._at.netloc)]
        for header in headers:
            name, _, value = header.partition(": ")
            named.append((name, value))
        named += [("content-length", str(len(body)))] if body else []
        path = self._at.path + (f"?{self._at.query}" if self._at.query else "")
        self._request = h11.Request(method="POST" if body else "GET", target=path or "/", headers=named)
        self.waits: list[float] = []
        self.refused = self.broken = 0

    async def run(self, until: float) -> None:
        reader, writer = await asyncio.open_connection(self._at.hostname, self._at.port)
        wire = h11.Connection(h11.CLIENT)
        try:
            while time.perf_counter() < until:
                began = time.perf_counter()
                sent = [self._request, *([h11.Data(data=self._body)] if self._body else []), h11.EndOfMessage()]
                writer.write(b"".join(wire.send(part) or b"" for part in sent))
                await self._answer(wire, reader)
                self.waits.append(time.perf_counter() - began)
                wire.start_next_cycle()
        except (OSError, h11.ProtocolError):
            self.broken += 1
        finally:
            writer.close()

    async def _answer(self, wire: h11.Connection, reader: asyncio.StreamReader) -> None:
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await reader.read(65_536))
            elif isinstance(event, h11.Response):
                self.refused += event.status_code >= 400
            elif isinstance(event, h11.EndOfMessage):
                return
            elif isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("the server has closed the connection")


async def main(url: str, count: int, seconds: float, body: str, headers: list[str]) -> None:
    clients = [Client(url, body.encode(), headers) for _ in range(count)]
    began = time.perf_counter()
    await asyncio.gather(*(client.run(began + seconds) for client in clients))
    waits = [wait for client in clients for wait in client.waits] or [0.0]
    told = {
        "requests": sum(len(client.waits) for client in clients),
        "seconds": time.perf_counter() - began,
        "refused": sum(client.refused for client in clients),
        "broken": sum(client.broken for client in clients),
        "p50_ms": quantile(waits, 0.5) * 1000,
        "p99_ms": quantile(waits, 0.99) * 1000,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5:]))
