"""`Displays` of containers whose image has an X server without a screen, or a neko."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from urllib.parse import quote
from uuid import UUID

from application.ports.displays import Act, Display, Peer
from domain.errors import NotFound
from infra.docker.inspect import Looks
from infra.docker.keysyms import name_of_key
from infra.docker.programs import Programs, Running, program

PROGRAM = program("display.pl")
PICTURE = "/run/display/Xvfb_screen0"
PER_SECOND = 15
LINES = 16  # in a band; `display.pl` knows it as well
LARGEST = 1 << 26  # bytes of a picture
NEKO_PORT = 8080
BUTTONS = range(1, 8)
MOST_SCROLLED = 20


class DockerDisplay:
    """`Display`"""

    def __init__(self, seen: Running, acts: Callable[[], Awaitable[Running]], size: tuple[int, int]) -> None:
        self.size = size
        self._seen, self._acts = seen, acts
        self._picture = bytearray(size[0] * size[1] * 4)
        self._rest = b""
        self._acting: Running | None = None

    async def next(self) -> bytes:
        band = self.size[0] * 4 * LINES
        for _ in range(await self._number()):
            at = await self._number() * band
            length = min(band, len(self._picture) - at)
            if length <= 0:
                raise NotFound("the display makes no sense")
            self._picture[at : at + length] = await self._take(length)
        return bytes(self._picture)

    async def _number(self) -> int:
        number: int = struct.unpack(">L", await self._take(4))[0]
        return number

    async def _take(self, length: int) -> bytes:
        parts, got = [self._rest], len(self._rest)
        while got < length:
            if not (more := await self._seen.read()):
                raise NotFound("the display has gone")
            parts.append(more)
            got += len(more)
        data = b"".join(parts)
        self._rest = data[length:]
        return data[:length]

    async def act(self, it: Act) -> None:
        if self._acting is None:
            self._acting = await self._acts()
        if said := words(it, self.size):
            try:
                await self._acting.write(said.encode() + b"\n")
            except OSError as gone:
                raise NotFound("nobody types there any more") from gone


class DockerDisplays:
    def __init__(self, programs: Programs, looks: Looks) -> None:
        self._programs, self._looks = programs, looks

    @asynccontextmanager
    async def watch(self, workspace_id: UUID) -> AsyncIterator[DockerDisplay]:
        command = ["/usr/bin/perl", "-e", PROGRAM, PICTURE, str(PER_SECOND)]
        async with AsyncExitStack() as stack:
            seen = await stack.enter_async_context(self._programs.running(workspace_id, command, refused))

            async def acts() -> Running:
                typing = ["/usr/bin/env", "DISPLAY=:0", "xdotool", "-"]
                return await stack.enter_async_context(self._programs.running(workspace_id, typing, refused))

            width, height = map(int, (await seen.line()).split())
            if not 0 < width * height * 4 <= LARGEST:
                raise NotFound("the display makes no sense")
            await seen.choose()
            yield DockerDisplay(seen, acts, (width, height))

    def peer(self, display: Display) -> AbstractAsyncContextManager[Peer]:
        from infra.video.webrtc_peer import peer  # only who shows a display waits for codecs to be loaded

        return peer(display)

    async def neko(self, workspace_id: UUID) -> str | None:
        said = await self._looks.environment(workspace_id)
        if not any(name.startswith("NEKO_") for name in said):
            return None
        address = await self._looks.address(workspace_id)
        port = said.get("NEKO_SERVER_BIND", said.get("NEKO_BIND", f":{NEKO_PORT}")).rpartition(":")[2]
        password = quote(said.get("NEKO_PASSWORD", "neko"), safe="")
        return f"ws://{address}:{port}/ws?password={password}" if address else None


def refused(why: str) -> Exception:
    return NotFound("this seat has no display")


def words(it: Act, size: tuple[int, int]) -> str:
    """What xdotool is told; "" for what there is no such thing as. It is nothing but numbers and names of ours."""
    said = []
    if it.x is not None and it.y is not None:
        said.append(f"mousemove {max(0, min(it.x, size[0] - 1))} {max(0, min(it.y, size[1] - 1))}")
    action = {"down": "down", "up": "up", "press": ""}
    if it.kind.startswith("button") and it.code in BUTTONS:
        verb = action[it.kind.removeprefix("button")]
        said.append(f"mouse{verb} {it.code}" if verb else f"click {it.code}")
    elif it.kind.startswith("key") and (key := name_of_key(it.code)):
        said.append(f"key{action[it.kind.removeprefix('key')]} {key}")
    elif it.kind == "scroll":
        for delta, less, more in ((it.delta_y, 4, 5), (it.delta_x, 6, 7)):
            if delta:
                said.append(f"click --repeat {min(abs(delta), MOST_SCROLLED)} {less if delta < 0 else more}")
    return " ".join(said)
