"""`SubjectChanges` on the hub."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from application.access import TENURE
from application.ports.errors import Unavailable
from projections.hub import Hub
from projections.stream_reader import CutOff, ShuttingDown


class HubSubjectChanges:
    """The changes that the hub of this process delivers."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def follow(self, subject: UUID) -> AsyncGenerator[None, None]:
        try:
            async with aclosing(self._hub.follow(TENURE, subject, None)) as batches:
                async for _ in batches:
                    yield None
        except CutOff:
            raise Unavailable("stream", "the reader of the log was too slow") from None
        except ShuttingDown:
            return
