"""The remote framebuffer protocol, RFC 6143, as a client of QEMU's VNC server on the same machine.

Pictures come raw: nothing is saved by packing what goes through a socket of this host. What QEMU adds to the protocol
and is used: another size of the display, and whether its mouse says where it is, or only how far it has gone.
"""

from __future__ import annotations

import asyncio
import struct

from domain.errors import NotFound

VERSION = b"RFB 003.008\n"
NO_SECURITY = 1
RAW, DESKTOP_SIZE, POINTER_TYPE = 0, -223, -257
# 32 bits a pixel, 24 of them used, little endian, true colour; 8 bits each of red, green, blue, from these bits on.
PIXELS = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
LARGEST = 1 << 27  # bytes of a picture
BUFFER = 1 << 22
MIDDLE = 0x7FFF  # what stands for "not moved" where a mouse tells only how far it has gone
LEFT_OUT = "the machine's display makes no sense"


class Rfb:
    """One connection. `NotFound` when it has ended; after that it is of no use."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.size = (0, 0)
        self.picture = bytearray()
        self.absolute = True  # what its mouse tells
        self._at: tuple[int, int] | None = None

    async def greet(self) -> None:
        try:
            await self._greet()
        except (EOFError, OSError) as ended:
            raise NotFound("the machine's display has gone") from ended

    async def _greet(self) -> None:
        if not (await self._take(12)).startswith(b"RFB 003"):
            raise NotFound(LEFT_OUT)
        self._writer.write(VERSION)
        if NO_SECURITY not in await self._take((await self._take(1))[0]):
            raise NotFound("the machine's display wants a password")
        self._writer.write(bytes([NO_SECURITY]))
        if any(await self._take(4)):
            raise NotFound("the machine's display refuses")
        self._writer.write(b"\x01")  # others may watch as well
        width, height, name = struct.unpack(">HH16xL", await self._take(24))
        await self._take(name)
        self._resize(width, height)
        encodings = (RAW, DESKTOP_SIZE, POINTER_TYPE)
        self._writer.write(b"\x00\x00\x00\x00" + PIXELS)
        self._writer.write(struct.pack(f">BxH{len(encodings)}l", 2, len(encodings), *encodings))

    def ask(self, *, whole: bool = False) -> None:
        """For the next picture: when something has changed, or all of it at once."""
        self._writer.write(struct.pack(">BBHHHH", 3, not whole, 0, 0, *self.size))

    async def update(self) -> None:
        """Until what was asked for is in `picture`."""
        try:
            while (kind := (await self._take(1))[0]) != 0:
                await self._pass_over(kind)
            (count,) = struct.unpack(">xH", await self._take(3))
            for _ in range(count):
                await self._rectangle()
        except (EOFError, OSError) as ended:
            raise NotFound("the machine's display has gone") from ended

    async def _pass_over(self, kind: int) -> None:
        if kind == 3:  # what was cut
            await self._take(struct.unpack(">3xL", await self._take(7))[0])
        elif kind != 2:  # a bell
            raise NotFound(LEFT_OUT)

    async def _rectangle(self) -> None:
        x, y, width, height, encoding = struct.unpack(">HHHHl", await self._take(12))
        if encoding == DESKTOP_SIZE:
            self._resize(width, height)
            self.ask(whole=True)
        elif encoding == POINTER_TYPE:
            self.absolute = x == 1
        elif encoding == RAW and x + width <= self.size[0] and y + height <= self.size[1]:
            self._paint(x, y, width, await self._take(width * height * 4))
        else:
            raise NotFound(LEFT_OUT)

    def _paint(self, x: int, y: int, width: int, pixels: bytes) -> None:
        row, stride = width * 4, self.size[0] * 4
        at = y * stride + x * 4
        if row == stride:
            self.picture[at : at + len(pixels)] = pixels
            return
        for nth in range(0, len(pixels), row):
            self.picture[at : at + row] = pixels[nth : nth + row]
            at += stride

    def _resize(self, width: int, height: int) -> None:
        if not 0 < width * height * 4 <= LARGEST:
            raise NotFound(LEFT_OUT)
        self.size = (width, height)
        self.picture = bytearray(width * height * 4)

    async def _take(self, length: int) -> bytes:
        return await self._reader.readexactly(length) if length else b""

    # -- what is done there ------------------------------------------------------

    async def key(self, keysym: int, down: bool) -> None:
        await self._do(struct.pack(">BBxxL", 4, down, keysym))

    async def pointer(self, buttons: int, x: int, y: int) -> None:
        """`buttons`: a bit for each that is down, the first being the lowest."""
        x, y = (max(0, min(at, end - 1)) for at, end in zip((x, y), self.size, strict=True))
        was, self._at = self._at or (x, y), (x, y)
        if not self.absolute:
            x, y = MIDDLE + x - was[0], MIDDLE + y - was[1]
        await self._do(struct.pack(">BBHH", 5, buttons, x, y))

    async def _do(self, message: bytes) -> None:
        try:
            self._writer.write(message)
            await self._writer.drain()
        except OSError as ended:
            raise NotFound("the machine's display has gone") from ended

    def close(self) -> None:
        self._writer.close()
