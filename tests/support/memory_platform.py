"""A platform whose log is in memory, for tests of commands that need no database."""

from __future__ import annotations

from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.platform import Platform


class MemoryLog:
    """The writer and the last-event reader of a platform, on its own recorder."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def store(self, events: list[StoredEvent]) -> None:
        self._platform.recorder.insert_events(events)

    async def read(self, id: UUID) -> StoredEvent | None:
        newest = self._platform.recorder.select_events(id, desc=True, limit=1)
        return newest[0] if newest else None


def memory_platform() -> Platform:
    platform = Platform({})
    platform.writer = platform.last_event_reader = MemoryLog(platform)
    return platform
