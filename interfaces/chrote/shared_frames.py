"""Encoded messages that are the same for many clients, so that each is made once for all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, TypeVar

from interfaces.chrote.messages import Message, encode

MAX_REMEMBERED_VALUES = 200
Value = TypeVar("Value")


class SharedFrames:
    """A small cache of what the first client that needs it has made. The oldest values are forgotten."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[Hashable, asyncio.Task[Any]] = OrderedDict()

    async def frame(self, key: Hashable, make: Callable[[], Awaitable[Message]]) -> str:
        """The encoded message of this key. The key names the thing and its state, else clients see an old one."""

        async def encoded() -> str:
            return encode(await make())

        return await self.value(key, encoded)

    async def value(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """What `make` returns, for values that are not encoded yet. Raises what `make` raises; that is not kept."""
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(make())
            if len(self._tasks) > MAX_REMEMBERED_VALUES:
                self._tasks.popitem(last=False)
        try:
            value: Value = await asyncio.shield(self._tasks[key])
            return value
        except Exception:
            self._tasks.pop(key, None)
            raise
