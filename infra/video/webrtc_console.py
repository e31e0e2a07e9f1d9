"""`Consoles` on aiortc: machines shown to browsers over WebRTC."""

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
from infra.video.webrtc_peer import AiortcPeer, open_connection

CHANNEL = "control"
CODECS = ("video/VP8", "video/rtx")
MAX_QUEUED_MESSAGES = 1000  # a browser that sends more before they are read is cut off
FINAL_STATES = ("failed", "closed")
VIEWER_GONE = "nobody watches any more"


class SubscriberTrack(MediaStreamTrack):
    """The packets of a subscriber as a track of video; the subscriber may be replaced by another one."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.subscriber: Subscriber | None = None

    async def recv(self) -> Packet[Any]:
        """The next packet, as aiortc asks for it. `MediaStreamError` once the subscriber has ended."""
        while (subscriber := self.subscriber) is not None:
            try:
                return await subscriber.next()
            except NotFound:
                if subscriber is self.subscriber:
                    break
        self.stop()
        raise MediaStreamError

    def recover(self) -> None:
        """Start again with a keyframe."""
        if self.subscriber:
            self.subscriber.recover()


class AiortcViewer(AiortcPeer):
    """`ConsoleViewer` of one connection."""

    def __init__(self, connection: RTCPeerConnection, display: Display, broadcasts: Broadcasts, vm: UUID) -> None:
        super().__init__(connection)
        self._display, self._broadcasts, self._vm = display, broadcasts, vm
        self._track = SubscriberTrack()
        self._pressed: set[tuple[str, int]] = set()  # "key" or "button", and its code
        self._subscription = AsyncExitStack()
        self._has_joined = asyncio.Event()
        self._messages: asyncio.Queue[str | None] = asyncio.Queue()  # None: there are no more
        self._channel = connection.createDataChannel(CHANNEL)
        self._channel.on("message", self._on_message)
        self._track.on("ended", self._end_messages)
        connection.on("connectionstatechange", self._on_state_change)
        transceiver = connection.addTransceiver(self._track, direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType in CODECS])
        # A browser's request for a keyframe reaches this private method, which would ask aiortc's own encoder: but the
        # packets of this track are encoded already.
        setattr(transceiver.sender, "_send_keyframe", self._track.recover)  # noqa: B010

    def _on_message(self, message: str | bytes) -> None:
        if self._messages.qsize() >= MAX_QUEUED_MESSAGES:
            self._end_messages()
        self._messages.put_nowait(message if isinstance(message, str) else message.decode(errors="replace"))

    def _on_state_change(self) -> None:
        if self._connection.connectionState == "connected":
            self._has_joined.set()
        if self._connection.connectionState in FINAL_STATES:
            self._end_messages()

    async def wait_until_joined(self) -> None:
        await self._has_joined.wait()

    def _end_messages(self) -> None:
        self._messages.put_nowait(None)

    async def receive(self) -> str:
        if (message := await self._messages.get()) is None:
            self._end_messages()
            raise NotFound(VIEWER_GONE)
        return message

    def send(self, message: str) -> None:
        if self._channel.readyState == "open":
            self._channel.send(message)

    async def choose_quality(self, quality: Quality) -> None:
        subscription = AsyncExitStack()
        subscriber = await subscription.enter_async_context(self._broadcasts.subscribe(self._vm, quality))
        old_subscriber, self._track.subscriber = self._track.subscriber, subscriber
        old_subscription, self._subscription = self._subscription, subscription
        if old_subscriber:
            old_subscriber.end()
        await old_subscription.aclose()

    async def act(self, act: Act) -> None:
        device, is_down, _ = act.kind.partition("down")
        if is_down:
            self._pressed.add((device, act.code))
        else:
            self._pressed.discard((act.kind.removesuffix("up"), act.code))
        await self._display.act(act)

    async def release_all(self) -> None:
        for device, code in tuple(self._pressed):
            await self.act(Act(f"{device}up", code=code))

    async def end(self) -> None:
        """Release everything, and end the video."""
        with suppress(NotFound):
            await self.release_all()
        self._track.stop()
        await self._subscription.aclose()


class WebrtcConsoles:
    """`Consoles` of the machines of one hypervisor."""

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
    async def watch(self, vm: UUID, quality: Quality) -> AsyncIterator[AiortcViewer]:
        async with self._hypervisor.watch(vm) as display, open_connection() as connection:
            viewer = AiortcViewer(connection, display, self.broadcasts, vm)
            try:
                await viewer.choose_quality(quality)
                yield viewer
            finally:
                await viewer.end()

    async def close(self) -> None:
        """End all previews and broadcasts."""
        await self.previews.close()
        await self.broadcasts.close()
