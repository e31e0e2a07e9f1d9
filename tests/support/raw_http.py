"""Sends raw bytes as HTTP, for requests that no client would send."""

from __future__ import annotations

import asyncio

import httpx

SECONDS = 20.0
USUAL = ("Host: localhost", "x-user: alice")


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request with these headers, and the usual ones that they do not override."""
    names = {header.partition(":")[0].lower() for header in headers}
    usual = [header for header in USUAL if header.partition(":")[0].lower() not in names]
    return "\r\n".join([f"{line} HTTP/1.1", *usual, *headers, "", ""]).encode("latin-1") + body


async def send(url: str, *parts: bytes) -> httpx.Response:
    """Send these bytes, and return the answer. The server may answer and hang up before it has read all."""
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        async with asyncio.timeout(SECONDS):
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
            except ConnectionError:
                pass  # it has hung up; what it said before can still be read
            return await read(reader)
    finally:
        writer.close()


async def read(reader: asyncio.StreamReader) -> httpx.Response:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    fields = [line.partition(": ") for line in head[1:] if line]
    headers = [(name, value) for name, _, value in fields]
    length = int(next(value for name, value in headers if name.lower() == "content-length"))
    return httpx.Response(int(head[0].split()[1]), headers=headers, content=await reader.readexactly(length))
