"""What fake engines and hypervisors share: they note down each call, and a test may delay, refuse or break off any."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from application.ports.errors import Unavailable

Answer = TypeVar("Answer")
Hook = Callable[[str, UUID | None], Awaitable[None]]  # gets the call and its subject; may wait or raise


async def no_hook(call: str, id: UUID | None) -> None:
    return None


class FakeEffects:
    """`before` runs before each effect; `after` runs when it has happened, before the answer."""

    SERVICE = ""  # as `Unavailable` names it
    NAME = ""  # as its messages name it

    def __init__(self, before: Hook = no_hook, after: Hook = no_hook) -> None:
        self.before, self.after = before, after
        self.calls: list[tuple[str, UUID | None]] = []
        self.away = False  # whether it answers nothing
        self.refuses: str | None = None  # why it starts no machine; None: it does

    async def _effect(self, call: str, id: UUID | None, do: Callable[[], Answer]) -> Answer:
        self.calls.append((call, id))
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable(self.SERVICE, f"{self.NAME} does not answer")
        await self.before(call, id)
        answer = do()
        await self.after(call, id)
        return answer
