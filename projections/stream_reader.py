"""One reader of a live stream: its bounded queue, the messages in it, and the reasons for which it ends.

Knows no contract and no wire format.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from application.access import Actor
from domain.role import Role
from projections import trail
from projections.trail import Entry


@dataclass(frozen=True)
class Push:
    """One event of the trail. `frames` caches its encoding for each wire, so each is made once for all readers."""

    entry: Entry
    frames: dict[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def position(self) -> int:
        return self.entry.position

    def frame(self, wire: str, encode: Callable[[Entry], bytes]) -> bytes:
        """Return the entry as `encode` makes it for this wire, from the cache where possible."""
        if wire not in self.frames:
            self.frames[wire] = encode(self.entry)
        return self.frames[wire]


@dataclass(frozen=True)
class Ready:
    """The stream is live: every event after this position follows."""

    position: int


@dataclass(frozen=True)
class Reset:
    """Events were missed for good: list anew. Every event after this position follows."""

    position: int
    reason: str


StreamMessage = Push | Ready | Reset


class CutOff(Exception):
    """The reader is too slow. It may reconnect with the last position that it has received."""


class ShuttingDown(Exception):
    """This process ends. The reader may reconnect elsewhere, with the last position that it has received."""


class AccessRevoked(Exception):
    """The reader's account was removed, or the key that it uses was revoked."""


class Reader:
    """A bounded queue of messages for one screen."""

    def __init__(self, actor: Actor, subject: UUID | None, max_pushes: int) -> None:
        """`subject`: the only aggregate whose events the reader gets; None: every one that the actor may see."""
        self.actor, self.subject, self._max_pushes = actor, subject, max_pushes
        self._queue: list[Push] = []
        self._has_news = asyncio.Event()
        self.end_reason: type[Exception] | None = None

    def offer(self, push: Push) -> None:
        """Queue a push if the reader wants it and may see it. A full queue ends the reader with `CutOff`."""
        entry = push.entry
        if entry.kind == "api_key.revoked" and entry.subject == self.actor.key_id:
            self.end(AccessRevoked)
        if self.end_reason or self.subject not in (None, entry.subject) or not trail.may_see(self.actor, entry):
            return
        if len(self._queue) >= self._max_pushes:
            self.end(CutOff)
        else:
            self._queue.append(push)
            self._has_news.set()

    @property
    def waiting(self) -> int:
        """How many pushes are queued."""
        return len(self._queue)

    def end(self, reason: type[Exception]) -> None:
        """Drop what is queued and let `next` raise `reason`."""
        self.end_reason = reason
        self._queue.clear()
        self._has_news.set()

    def set_role(self, role: Role) -> None:
        """Let the reader see what this role may see, from now on."""
        self.actor = self.actor.with_role(role)

    async def next(self) -> list[Push]:
        """Wait for pushes and return all that are queued. Raises the reason of `end`."""
        while not self._queue:
            if self.end_reason:
                raise self.end_reason
            self._has_news.clear()
            await self._has_news.wait()
        pushes, self._queue = self._queue, []
        return pushes
