"""The remote framebuffer protocol (RFC 6143) as a client of QEMU's VNC server on the same host.

Pictures come raw: compression saves nothing on a socket of this host. Two extensions are used: the display's size may
change, and the mouse may report where it is or only how far it has moved. Source of both: DesktopSize and QEMU Pointer
Motion Change in "The RFB Protocol" of the rfbproto project.
"""

from __future__ import annotations

import asyncio
import struct

from domain.errors import NotFound

VERSION = b"RFB 003.008\n"
VERSION_BYTES = 12
NO_SECURITY_TYPE = 1
SHARED_FLAG = b"\x01"  # other clients may stay connected
# Messages to the server, section 7.5, and from it, section 7.6.
SET_PIXEL_FORMAT, SET_ENCODINGS, UPDATE_REQUEST, KEY_EVENT, POINTER_EVENT = 0, 2, 3, 4, 5
FRAMEBUFFER_UPDATE, BELL, SERVER_CUT_TEXT = 0, 2, 3
RAW, DESKTOP_SIZE, POINTER_TYPE_CHANGE = 0, -223, -257  # encodings; the last two are the extensions
ENCODINGS = (RAW, DESKTOP_SIZE, POINTER_TYPE_CHANGE)
# 32 bits a pixel, of which 24 are used, little endian, true colour, 8 bits each, of red from bit 16, green 8, blue 0.
PIXEL_FORMAT = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
PIXEL_BYTES = 4
MAX_PICTURE_BYTES = 1 << 27
READ_BUFFER_BYTES = 1 << 22
NOT_MOVED_OFFSET = 0x7FFF  # "not moved", of a mouse that reports only how far it has moved
INVALID = "the machine's display makes no sense"
ENDED = "the machine's display has gone"


class Rfb:
    """One connection. Every method raises `NotFound` once the connection has ended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.size = (0, 0)  # pixels
        self.picture = bytearray()  # rows of pixels, each blue, green, red and an unused byte
        self.is_absolute = True  # the mouse reports where it is, not how far it has moved
        self._position: tuple[int, int] | None = None

    async def greet(self) -> None:
        """The handshake, sections 7.1 to 7.3. Any answer that is not QEMU's raises `NotFound`."""
        try:
            await self._greet()
        except (EOFError, OSError) as error:
            raise NotFound(ENDED) from error

    async def _greet(self) -> None:
        if not (await self._read(VERSION_BYTES)).startswith(b"RFB 003"):
            raise NotFound(INVALID)
        self._writer.write(VERSION)
        if NO_SECURITY_TYPE not in await self._read((await self._read(1))[0]):
            raise NotFound("the machine's display wants a password")
        self._writer.write(bytes([NO_SECURITY_TYPE]))
        if any(await self._read(4)):
            raise NotFound("the machine's display refuses")
        self._writer.write(SHARED_FLAG)
        width, height, name_length = struct.unpack(">HH16xL", await self._read(24))
        await self._read(name_length)
        self._resize(width, height)
        self._writer.write(struct.pack(">Bxxx", SET_PIXEL_FORMAT) + PIXEL_FORMAT)
        self._writer.write(struct.pack(f">BxH{len(ENCODINGS)}l", SET_ENCODINGS, len(ENCODINGS), *ENCODINGS))

    def request_update(self, *, whole: bool = False) -> None:
        """Ask for the next picture: once something changes, or all of it at once."""
        self._writer.write(struct.pack(">BBHHHH", UPDATE_REQUEST, not whole, 0, 0, *self.size))

    async def read_update(self) -> None:
        """Read until the requested update is in `picture`."""
        try:
            while (message := (await self._read(1))[0]) != FRAMEBUFFER_UPDATE:
                await self._skip(message)
            (count,) = struct.unpack(">xH", await self._read(3))
            for _ in range(count):
                await self._read_rectangle()
        except (EOFError, OSError) as error:
            raise NotFound(ENDED) from error

    async def _skip(self, message: int) -> None:
        if message == SERVER_CUT_TEXT:
            await self._read(struct.unpack(">3xL", await self._read(7))[0])
        elif message != BELL:
            raise NotFound(INVALID)

    async def _read_rectangle(self) -> None:
        x, y, width, height, encoding = struct.unpack(">HHHHl", await self._read(12))
        if encoding == DESKTOP_SIZE:
            self._resize(width, height)
            self.request_update(whole=True)
        elif encoding == POINTER_TYPE_CHANGE:
            self.is_absolute = x == 1
        elif encoding == RAW and x + width <= self.size[0] and y + height <= self.size[1]:
            self._paint(x, y, width, await self._read(width * height * PIXEL_BYTES))
        else:
            raise NotFound(INVALID)

    def _paint(self, x: int, y: int, width: int, pixels: bytes) -> None:
        row_bytes, stride = width * PIXEL_BYTES, self.size[0] * PIXEL_BYTES
        offset = y * stride + x * PIXEL_BYTES
        if row_bytes == stride:
            self.picture[offset : offset + len(pixels)] = pixels
            return
        for start in range(0, len(pixels), row_bytes):
            self.picture[offset : offset + row_bytes] = pixels[start : start + row_bytes]
            offset += stride

    def _resize(self, width: int, height: int) -> None:
        if not 0 < width * height * PIXEL_BYTES <= MAX_PICTURE_BYTES:
            raise NotFound(INVALID)
        self.size = (width, height)
        self.picture = bytearray(width * height * PIXEL_BYTES)

    async def _read(self, length: int) -> bytes:
        return await self._reader.readexactly(length) if length else b""

    # -- mouse and keyboard ------------------------------------------------------

    async def send_key(self, keysym: int, is_down: bool) -> None:
        """Press or release a key, by its X11 keysym."""
        await self._send(struct.pack(">BBxxL", KEY_EVENT, is_down, keysym))

    async def send_pointer(self, button_mask: int, x: int, y: int) -> None:
        """Move the mouse, and hold the buttons of the mask down: bit 0 is the first button. Coordinates are pixels."""
        x, y = (max(0, min(value, end - 1)) for value, end in zip((x, y), self.size, strict=True))
        last, self._position = self._position or (x, y), (x, y)
        if not self.is_absolute:
            x, y = NOT_MOVED_OFFSET + x - last[0], NOT_MOVED_OFFSET + y - last[1]
        await self._send(struct.pack(">BBHH", POINTER_EVENT, button_mask, x, y))

    async def _send(self, message: bytes) -> None:
        try:
            self._writer.write(message)
            await self._writer.drain()
        except OSError as error:
            raise NotFound(ENDED) from error

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()
