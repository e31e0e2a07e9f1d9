"""`Consoles`: machines shown to browsers, over WebRTC by aiortc."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from av import Packet

from application.ports.consoles import Quality
from application.ports.displays import Act, Display
from application.ports.hypervisors import Hypervisor
from domain.errors import NotFound
from infra.video.broadcast import Broadcasts, Subscriber
from infra.video.screenshots import Previews
from infra.video.vp8 import dummy
from infra.video.webrtc_peer import AiortcPeer, connected

CHANNEL = "control"
CODECS = ("video/VP8", "video/rtx")
BOUND = 1000  # messages that wait; a browser that says more meanwhile is let go
ENDED = ("failed", "closed")
GONE = "nobody watches any more"


class Video(MediaStreamTrack):
    """What a subscriber is sent, as it comes: it is encoded already."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.subscriber: Subscriber | None = None

    async def recv(self) -> Packet[Any]:
        while (subscriber := self.subscriber) is not None:
            try:
                return await subscriber.next()
            except NotFound:
                if subscriber is self.subscriber:
                    break
        self.stop()
        raise MediaStreamError

    def mend(self) -> None:
        if self.subscriber:
            self.subscriber.mend()


class AiortcWatcher(AiortcPeer):
    """`Watcher`"""

    def __init__(self, connection: RTCPeerConnection, display: Display, broadcasts: Broadcasts, vm: UUID) -> None:
        super().__init__(connection)
        self._display, self._broadcasts, self._vm = display, broadcasts, vm
        self._video = Video()
        self._held: set[tuple[str, int]] = set()  # keys and buttons
        self._stack = AsyncExitStack()  # of the subscriber
        self._joined = asyncio.Event()
        self._said: asyncio.Queue[str | None] = asyncio.Queue()
        self._channel = connection.createDataChannel(CHANNEL)
        self._channel.on("message", self._hear)
        self._video.on("ended", self._over)
        connection.on("connectionstatechange", self._look)
        transceiver = connection.addTransceiver(self._video, direction="sendonly")
        known = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([codec for codec in known if codec.mimeType in CODECS])
        # Where a browser asks for a whole picture aiortc would have its own encoder make one; here it does not encode.
        setattr(transceiver.sender, "_send_keyframe", self._video.mend)  # noqa: B010

    def _hear(self, message: str | bytes) -> None:
        if self._said.qsize() >= BOUND:
            self._over()
        self._said.put_nowait(message if isinstance(message, str) else message.decode(errors="replace"))

    def _look(self) -> None:
        if self._connection.connectionState == "connected":
            self._joined.set()
        if self._connection.connectionState in ENDED:
            self._over()

    async def joined(self) -> None:
        await self._joined.wait()

    def _over(self) -> None:
        self._said.put_nowait(None)

    async def heard(self) -> str:
        if (said := await self._said.get()) is None:
            self._over()
            raise NotFound(GONE)
        return said

    def say(self, message: str) -> None:
        if self._channel.readyState == "open":
            self._channel.send(message)

    async def choose(self, quality: Quality) -> None:
        stack = AsyncExitStack()
        subscriber = await stack.enter_async_context(self._broadcasts.subscribed(self._vm, quality))
        before, self._video.subscriber = self._video.subscriber, subscriber
        old, self._stack = self._stack, stack
        if before:
            before.over()
        await old.aclose()

    async def act(self, it: Act) -> None:
        what, down, _ = it.kind.partition("down")
        if down:
            self._held.add((what, it.code))
        else:
            self._held.discard((it.kind.removesuffix("up"), it.code))
        await self._display.act(it)

    async def let_go(self) -> None:
        for what, code in tuple(self._held):
            await self.act(Act(f"{what}up", code=code))

    async def end(self) -> None:
        with suppress(NotFound):
            await self.let_go()
        self._video.stop()
        await self._stack.aclose()


class VmConsoles:
    """`Consoles`"""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self.previews = Previews(hypervisor.screenshot)
        self.broadcasts = Broadcasts(hypervisor.watch)
        self._dummy = dummy()

    async def preview(self, vm: UUID) -> bytes:
        return await self.previews.of(vm)

    async def dummy(self) -> bytes:
        return self._dummy

    @asynccontextmanager
    async def watch(self, vm: UUID, quality: Quality) -> AsyncIterator[AiortcWatcher]:
        async with self._hypervisor.watch(vm) as display, connected() as connection:
            watcher = AiortcWatcher(connection, display, self.broadcasts, vm)
            try:
                await watcher.choose(quality)
                yield watcher
            finally:
                await watcher.end()

    async def close(self) -> None:
        await self.previews.close()
        await self.broadcasts.close()
