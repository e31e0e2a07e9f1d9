"""`Displays` of containers whose image runs an X server in memory (Xvfb), or neko."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from urllib.parse import quote
from uuid import UUID

from application.ports.displays import Act, Display, DisplayPeer
from domain.errors import NotFound
from infra.docker.inspector import ContainerInspector
from infra.docker.keysyms import key_name
from infra.docker.programs import ContainerProcess, ContainerPrograms, program_text

PROGRAM = program_text("display.pl")
PICTURE_FILE = "/run/display/Xvfb_screen0"
PICTURES_PER_SECOND = 15
BAND_LINES = 16  # display.pl has the same number
MAX_PICTURE_BYTES = 1 << 26
NEKO_PORT = 8080
BUTTONS = range(1, 8)
MAX_SCROLL_CLICKS = 20


class DockerDisplay:
    """`Display` of one container. `start_typing` runs xdotool there, on the first act."""

    def __init__(
        self,
        pictures: ContainerProcess,
        start_typing: Callable[[], Awaitable[ContainerProcess]],
        size: tuple[int, int],
    ) -> None:
        self.size = size
        self._pictures, self._start_typing = pictures, start_typing
        self._picture = bytearray(size[0] * size[1] * 4)
        self._buffer = b""
        self._typing: ContainerProcess | None = None

    async def next(self) -> bytes:
        band_bytes = self.size[0] * 4 * BAND_LINES
        for _ in range(await self._read_number()):
            offset = await self._read_number() * band_bytes
            length = min(band_bytes, len(self._picture) - offset)
            if length <= 0:
                raise NotFound("the display makes no sense")
            self._picture[offset : offset + length] = await self._read_exactly(length)
        return bytes(self._picture)

    async def _read_number(self) -> int:
        number: int = struct.unpack(">L", await self._read_exactly(4))[0]
        return number

    async def _read_exactly(self, length: int) -> bytes:
        parts, size = [self._buffer], len(self._buffer)
        while size < length:
            if not (part := await self._pictures.read()):
                raise NotFound("the display has gone")
            parts.append(part)
            size += len(part)
        data = b"".join(parts)
        self._buffer = data[length:]
        return data[:length]

    async def act(self, act: Act) -> None:
        if self._typing is None:
            self._typing = await self._start_typing()
        if commands := xdotool_commands(act, self.size):
            try:
                await self._typing.write(commands.encode() + b"\n")
            except OSError as error:
                raise NotFound("nobody types there any more") from error


class DockerDisplays:
    """`Displays` of the containers of one engine."""

    def __init__(self, programs: ContainerPrograms, inspector: ContainerInspector) -> None:
        self._programs, self._inspector = programs, inspector

    @asynccontextmanager
    async def watch(self, workspace_id: UUID) -> AsyncIterator[DockerDisplay]:
        command = ["/usr/bin/perl", "-e", PROGRAM, PICTURE_FILE, str(PICTURES_PER_SECOND)]
        async with AsyncExitStack() as stack:
            pictures = await stack.enter_async_context(self._programs.run(workspace_id, command, no_display))

            async def start_typing() -> ContainerProcess:
                xdotool = ["/usr/bin/env", "DISPLAY=:0", "xdotool", "-"]
                return await stack.enter_async_context(self._programs.run(workspace_id, xdotool, no_display))

            width, height = map(int, (await pictures.read_status()).split())
            if not 0 < width * height * 4 <= MAX_PICTURE_BYTES:
                raise NotFound("the display makes no sense")
            await pictures.choose_channel()
            yield DockerDisplay(pictures, start_typing, (width, height))

    def peer(self, display: Display) -> AbstractAsyncContextManager[DisplayPeer]:
        from infra.video.webrtc_peer import open_peer  # loads codecs: a second, and much memory

        return open_peer(display)

    async def neko_url(self, workspace_id: UUID) -> str | None:
        environment = await self._inspector.environment(workspace_id)
        if not any(name.startswith("NEKO_") for name in environment):
            return None
        address = await self._inspector.address(workspace_id)
        port = environment.get("NEKO_SERVER_BIND", environment.get("NEKO_BIND", f":{NEKO_PORT}")).rpartition(":")[2]
        password = quote(environment.get("NEKO_PASSWORD", "neko"), safe="")
        return f"ws://{address}:{port}/ws?password={password}" if address else None


def no_display(code: str) -> Exception:
    """The exception for a display program that refuses, whatever its code."""
    return NotFound("this seat has no display")


def xdotool_commands(act: Act, size: tuple[int, int]) -> str:
    """What xdotool(1) reads on its standard input to do this; "" for an act that it does not know.

    The text has only numbers and words from this module in it, so that nobody can run another command with it.
    """
    commands = []
    if act.x is not None and act.y is not None:
        x, y = max(0, min(act.x, size[0] - 1)), max(0, min(act.y, size[1] - 1))
        commands.append(f"mousemove {x} {y}")
    suffixes = {"down": "down", "up": "up", "press": ""}
    if act.kind.startswith("button") and act.code in BUTTONS:
        suffix = suffixes[act.kind.removeprefix("button")]
        commands.append(f"mouse{suffix} {act.code}" if suffix else f"click {act.code}")
    elif act.kind.startswith("key") and (key := key_name(act.code)):
        commands.append(f"key{suffixes[act.kind.removeprefix('key')]} {key}")
    elif act.kind == "scroll":
        for delta, less, more in ((act.delta_y, 4, 5), (act.delta_x, 6, 7)):
            if delta:
                clicks = min(abs(delta), MAX_SCROLL_CLICKS)
                commands.append(f"click --repeat {clicks} {less if delta < 0 else more}")
    return " ".join(commands)
