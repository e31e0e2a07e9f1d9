"""Publishes the follower's batches within one process: straight to the hub."""

from __future__ import annotations

from projections.hub import Batch, Hub


class LocalPush:
    """Hands each batch to the hub of this process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def publish(self, batch: Batch) -> None:
        """Hand the batch to the hub."""
        await self._hub.receive(batch)

    async def run(self) -> None:
        """Return at once: there is nothing to listen to."""
