"""Replaces `wrk` on machines without it: clients that send one request after the other, in a process of their own.

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
    """One connection that sends the same request again and again."""

    def __init__(self, url: str, body: bytes, headers: list[str]) -> None:
        self._address = urlsplit(url)
        self._body = body
        header_list = [("host", self._address.netloc)]
        for header in headers:
            name, _, value = header.partition(": ")
            header_list.append((name, value))
        header_list += [("content-length", str(len(body)))] if body else []
        path = self._address.path + (f"?{self._address.query}" if self._address.query else "")
        self._request = h11.Request(method="POST" if body else "GET", target=path or "/", headers=header_list)
        self.waits: list[float] = []
        self.refused = self.broken = 0

    async def run(self, until: float) -> None:
        """Send requests until `time.perf_counter()` reaches `until`."""
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        wire = h11.Connection(h11.CLIENT)
        try:
            while time.perf_counter() < until:
                began = time.perf_counter()
                events = [self._request, *([h11.Data(data=self._body)] if self._body else []), h11.EndOfMessage()]
                writer.write(b"".join(wire.send(event) or b"" for event in events))
                await self._read_response(wire, reader)
                self.waits.append(time.perf_counter() - began)
                wire.start_next_cycle()
        except (OSError, h11.ProtocolError):
            self.broken += 1
        finally:
            writer.close()

    async def _read_response(self, wire: h11.Connection, reader: asyncio.StreamReader) -> None:
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
    """Run `count` clients for so many seconds, and print their figures."""
    clients = [Client(url, body.encode(), headers) for _ in range(count)]
    began = time.perf_counter()
    await asyncio.gather(*(client.run(began + seconds) for client in clients))
    waits = [wait for client in clients for wait in client.waits] or [0.0]
    figures = {
        "requests": sum(len(client.waits) for client in clients),
        "seconds": time.perf_counter() - began,
        "refused": sum(client.refused for client in clients),
        "broken": sum(client.broken for client in clients),
        "p50_ms": quantile(waits, 0.5) * 1000,
        "p99_ms": quantile(waits, 0.99) * 1000,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5:]))
