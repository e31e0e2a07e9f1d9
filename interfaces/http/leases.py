"""Leases: a stream or socket stays open for as long as the request that opened it would be answered.

    leased(request, actor, current_member, frames)                   the frames of a stream, until access ends
    with lease(socket, actor, current_member) as held_lease:         for a socket:
        await held_lease.wait_until_ended()                          beside it; raises `AccessEnded`
        await held_lease.check()                                     before each of its messages is answered

It ends with its credential (logout, another sign-in in the same browser, expiry, revocation), and with its user
(removal, ban). Changes on this server count from their answer on; those of other servers as soon as they are pushed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

import anyio
from starlette.requests import HTTPConnection

from application.access import Actor
from application.access_changes import Change
from application.ports.clock import Clock
from application.ports.errors import TooMany, Unavailable
from domain.errors import NotAllowed, NotFound
from interfaces.http.deps import HttpDeps, http_deps
from interfaces.http.errors import Unauthenticated
from projections.stream_reader import ShuttingDown

Authenticate = Callable[[], Awaitable[Any]]
RETRY_DELAY_S = 1.0  # while the database does not answer
MIN_TIMER_S, MAX_TIMER_S = 0.05, 24 * 3600.0  # event loops have no timers for years
ENDED = "this key or login is not good any more"


class AccessEnded(Exception):
    """The credential that opened the stream or socket is not good any more, or its user has no access.

    `__cause__` is the refusal of the last authentication, if one was made.
    """


class Lease:
    """The right to keep one stream or socket open. Authenticates again whenever access may have changed."""

    def __init__(self, authenticate: Authenticate, expires_at: datetime | None, clock: Clock) -> None:
        self._authenticate, self._expires_at, self._clock = authenticate, expires_at, clock
        self._changes = self._checked_changes = 0  # reported, and those that an authentication has come after
        self._checking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._error: Exception = AccessEnded(ENDED)
        self._on_end: Callable[[], None] | None = None

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    @property
    def _is_stale(self) -> bool:
        """Whether access may have changed since it was last authenticated. True until that has succeeded."""
        return self._checked_changes < self._changes

    async def check(self) -> None:
        """Return if access holds. Raises `AccessEnded` or `ShuttingDown`; `Unavailable` without the database."""
        while self._is_stale and not self.has_ended:
            async with self._checking:
                if self._is_stale:
                    await self._authenticate_again()
        if self.has_ended:
            raise self._error

    async def wait_until_ended(self) -> NoReturn:
        """Wait until access ends. Raises `AccessEnded`, or `ShuttingDown` when this process ends first."""
        await self._ended.wait()
        raise self._error

    def on_change(self, change: Change) -> None:
        """Take note that access has changed."""
        if change is Change.ENDED:
            self._end(AccessEnded(ENDED))
            return
        if change is Change.SHUTTING_DOWN:
            self._end(ShuttingDown())
            return
        self._changes += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._recheck())

    def call_on_end(self, callback: Callable[[], None] | None) -> None:
        """Call this once access ends; None: call nothing."""
        self._on_end = callback
        if callback and self.has_ended:
            callback()

    def start(self) -> None:
        """Watch the credential's end."""
        if self._expires_at is not None:
            left_s = (self._expires_at - self._clock()).total_seconds()
            delay_s = min(max(left_s, MIN_TIMER_S), MAX_TIMER_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def stop(self) -> None:
        """Stop watching."""
        if self._timer:
            self._timer.cancel()
        if self._task and self._task is not asyncio.current_task():
            self._task.cancel()

    def _on_timer(self) -> None:
        assert self._expires_at is not None
        if self._expires_at <= self._clock():
            self.on_change(Change.MAYBE)  # a login that was used elsewhere meanwhile lasts longer
        else:
            self.start()

    async def _recheck(self) -> None:
        while self._is_stale and not self.has_ended:
            try:
                await self.check()
            except (AccessEnded, ShuttingDown):
                return
            except (Unavailable, TooMany):
                await asyncio.sleep(RETRY_DELAY_S)

    async def _authenticate_again(self) -> None:
        changes = self._changes
        try:
            expires_at = getattr(await self._authenticate(), "expires_at", None)
        except (Unauthenticated, NotAllowed, NotFound) as error:
            ended = AccessEnded(str(error))
            ended.__cause__ = error
            self._end(ended)
            return
        self._checked_changes = changes
        self._expires_at = expires_at
        if self._timer:
            self._timer.cancel()
        self.start()

    def _end(self, error: Exception) -> None:
        if not self.has_ended:
            self._error = error
            self._ended.set()
            if self._on_end:
                self._on_end()


@contextmanager
def lease(
    connection: HTTPConnection, actor: Actor, authenticate: Callable[[HTTPConnection], Awaitable[Any]], *others: UUID
) -> Iterator[Lease]:
    """The lease of an actor's stream or socket, until the block ends.

    `authenticate` is what has authenticated the request. `others`: ids that access also depends on.
    """
    ids = {id for id in (actor.user_id, actor.login_id, actor.key_id, actor.token_id, *others) if id}
    with lease_of(http_deps(connection), ids, lambda: authenticate(connection), actor.expires_at) as held_lease:
        yield held_lease


@contextmanager
def lease_of(
    deps: HttpDeps, ids: Collection[UUID], authenticate: Authenticate, expires_at: datetime | None
) -> Iterator[Lease]:
    """The lease of whatever `authenticate` lets in again, until the block ends."""
    held_lease = Lease(authenticate, expires_at, deps.clock)
    held_lease.start()
    try:
        with deps.access_changes.subscribe(ids, held_lease.on_change):
            yield held_lease
    finally:
        held_lease.stop()


async def leased(
    connection: HTTPConnection,
    actor: Actor,
    authenticate: Callable[[HTTPConnection], Awaitable[Any]],
    frames: AsyncIterator[bytes],
) -> AsyncGenerator[bytes, None]:
    """The frames of a stream, until the access of its actor ends."""
    with lease(connection, actor, authenticate) as held_lease:
        try:
            while True:
                with anyio.CancelScope() as scope:
                    held_lease.call_on_end(scope.cancel)
                    try:
                        frame = await anext(frames)
                    except StopAsyncIteration:
                        return
                held_lease.call_on_end(None)
                if scope.cancelled_caught or held_lease.has_ended:
                    return
                yield frame
        finally:
            if isinstance(frames, AsyncGenerator):
                await frames.aclose()
