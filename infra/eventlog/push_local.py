"""Pushing within one process: the follower's batch goes straight to the hub."""

from __future__ import annotations

from projections.hub import Batch, Hub


class LocalPush:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def tell(self, batch: Batch) -> None:
        await self._hub.receive(batch)

    async def run(self) -> None:
        """Nothing to listen to."""
