"""A client that follows the event stream and reconnects whenever it ends, as browsers do."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import httpx
from httpx_sse import SSEError, aconnect_sse

from tests.support.server import eventually

NOTICES = ("ready", "reset")


class Watcher:
    """`positions` are those of the events that it was told, in that order, from its first `ready` on.

    Told to `reset`, it notes that in `resets`. It comes back to one of the clients' servers in turn.
    """

    def __init__(self, *clients: httpx.AsyncClient, after: int = 0) -> None:
        self._clients = clients
        self.last = after
        self.positions: list[int] = []
        self.resets = 0
        self.connections = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def caught_up(self) -> list[int]:
        """The positions received, once the client has everything that is in the log now."""
        newest = await eventually(self._newest)
        await eventually(lambda: self._reached(newest))
        return self.positions

    async def _newest(self) -> int | None:
        answer = await self._clients[0].get("/api/v1/workspaces")
        return int(answer.headers["x-tenure-position"]) if answer.status_code == 200 else None

    async def _reached(self, position: int) -> bool:
        assert self._task is not None
        if self._task.done():
            await self._task
        return self.last >= position

    async def _watch(self) -> None:
        while True:
            try:
                await self.once()
            except (httpx.HTTPError, SSEError):
                await asyncio.sleep(0.02)  # it does not answer, or not with a stream

    async def once(self, stop_after: int | None = None) -> None:
        """One connection: until it ends, or until it is dropped after so many events."""
        client = self._clients[self.connections % len(self._clients)]
        self.connections += 1
        received = 0
        headers = {"last-event-id": str(self.last)}
        async with aconnect_sse(client, "GET", "/api/v1/events", headers=headers, timeout=30) as source:
            async for event in source.aiter_sse():
                if not event.data:
                    continue  # httpx-sse takes a comment after an event for one without data
                if event.event == "reset":
                    self.resets += 1
                elif event.event != "ready":
                    self.positions.append(int(event.id))
                self.last = int(event.id)
                received += event.event not in NOTICES
                if received == stop_after:
                    return
