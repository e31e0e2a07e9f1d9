"""Quotas: what each user may hold, checked where things are created, and changed by administrators.

A new thing is reserved before it is stored, in one step for all processes. What has ended is given back when its
holder reaches the limit: nothing that ends a thing needs to know of quotas, and no crash can lose a place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from application.access import Actor, require
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.errors import TooMany
from application.ports.quotas import Holding, Holdings
from domain.aggregate import Aggregate
from domain.api_key import ApiKey
from domain.errors import NotFound, Refused
from domain.hosted_session import HostedSession
from domain.machine import Status
from domain.quota import QuotaExceeded, Quotas
from domain.quota_defaults import NO_ROLE, Kind
from domain.user import User
from domain.vm.vm_config import VmConfig
from domain.workshop import Workshop
from domain.workspace import Workspace

# A thing that is not stored so long after it was reserved never will be: its request has failed.
ABANDONED_AFTER = timedelta(minutes=2)
RETRY_AFTER_S = 10

AGGREGATES: dict[Kind, type[Aggregate]] = {
    Kind.WORKSPACES: Workspace,
    Kind.SESSIONS: HostedSession,
    Kind.SEATS: Workshop,
    Kind.MACHINES: VmConfig,
    Kind.KEYS: ApiKey,
}


class TooManyStreams(TooMany):
    """The user has as many streams open as they may."""

    def __init__(self, limit: int) -> None:
        super().__init__(RETRY_AFTER_S)
        self.args = (
            f"your quota of {Kind.STREAMS} is {limit}, and as many are open: close some, or ask an administrator for "
            f"a larger quota",
        )


@dataclass(frozen=True)
class Use:
    """What a user holds of one kind, and how much they may."""

    used: int
    limit: int


@dataclass(frozen=True)
class QuotaLimits:
    """Checks quotas, and changes them."""

    platform: Platform
    clock: Clock
    holdings: Holdings
    enforced: bool = True  # False: there are no limits
    _streams: Counter[UUID] = field(default_factory=Counter)  # open in this process, by user

    # -- checks ------------------------------------------------------------------------

    @asynccontextmanager
    async def reserve(self, actor: Actor, kind: Kind, id: UUID, amount: int = 1) -> AsyncIterator[None]:
        """Reserve a thing of the actor's for the block that stores it. Raises `QuotaExceeded`.

        A refusal takes the reservation back. After any other error the thing may have been stored nevertheless; if not,
        the reservation counts for as long as `ABANDONED_AFTER`.
        """
        if not self.enforced:
            yield
            return
        limit = (await self._limits(actor.user_id))[kind]
        if not await self.holdings.reserve(actor.user_id, kind, id, amount, limit):
            await self._give_back_ended(actor.user_id, kind)
            if not await self.holdings.reserve(actor.user_id, kind, id, amount, limit):
                used = sum(holding.amount for holding in await self.holdings.list_held(actor.user_id, kind))
                raise QuotaExceeded(kind, used, amount, limit)
        try:
            yield
        except Refused:
            await self.holdings.release([id])
            raise

    @asynccontextmanager
    async def stream(self, actor: Actor) -> AsyncIterator[None]:
        """Count a stream of the actor's as open during the block. Raises `TooManyStreams`."""
        with await self.open_stream(actor):
            yield

    async def open_stream(self, actor: Actor) -> OpenStream:
        """Count a stream of the actor's as open until it is closed. Raises `TooManyStreams`."""
        user_id = actor.user_id
        if self.enforced:
            limit = (await self._limits(user_id))[Kind.STREAMS]
            if self._streams[user_id] >= limit:
                raise TooManyStreams(limit)
        self._streams[user_id] += 1
        return OpenStream(lambda: self._close_stream(user_id))

    def _close_stream(self, user_id: UUID) -> None:
        self._streams[user_id] -= 1
        if not self._streams[user_id]:
            del self._streams[user_id]

    async def _limits(self, user_id: UUID) -> dict[Kind, int]:
        return (await self._quotas()).of_user(user_id, await self._role(user_id))

    async def _quotas(self) -> Quotas:
        if await self.platform.last_event(Quotas.id_of()) is None:
            return Quotas(id=Quotas.id_of(), at=self.clock())
        return await self.platform.load(Quotas, Quotas.id_of())

    async def _role(self, user_id: UUID) -> str:
        """The user's role. It is read from the log: the actor of a token has none."""
        if await self.platform.last_event(user_id) is None:
            return NO_ROLE
        try:
            user = await self.platform.load(User, user_id)
        except NotFound:
            return NO_ROLE
        return NO_ROLE if user.removed_at else str(user.role)

    async def _give_back_ended(self, user_id: UUID, kind: Kind) -> list[Holding]:
        """Release what has ended, and return the rest."""
        holdings = await self.holdings.list_held(user_id, kind)
        ended = {holding.id for holding in holdings if await self._has_ended(kind, holding)}
        if ended:
            await self.holdings.release(list(ended))
        return [holding for holding in holdings if holding.id not in ended]

    async def _has_ended(self, kind: Kind, holding: Holding) -> bool:
        try:
            thing = await self.platform.load(AGGREGATES[kind], holding.id)
        except NotFound:
            return holding.reserved_at + ABANDONED_AFTER < self.clock()
        match thing:
            case Workspace():
                return thing.status == Status.ENDED
            case HostedSession():
                return thing.ended
            case ApiKey():
                return not thing.is_good(self.clock())
            case Workshop() | VmConfig():
                return thing.deleted
        raise AssertionError(f"{kind} is no kind of thing that ends")

    # -- for their holder, and for administrators -----------------------------------------

    async def use_of(self, actor: Actor) -> dict[Kind, Use]:
        """What the actor holds of each kind, and how much they may."""
        require(actor, "quota.see")
        limits = await self._limits(actor.user_id)
        used = {Kind.STREAMS: self._streams[actor.user_id]}
        for kind in AGGREGATES:
            used[kind] = sum(holding.amount for holding in await self._give_back_ended(actor.user_id, kind))
        return {kind: Use(used[kind], limits[kind]) for kind in Kind}

    async def all_quotas(self, actor: Actor) -> Quotas:
        """Every quota that was set."""
        require(actor, "quota.see_all")
        return await self._quotas()

    async def set_for_user(self, actor: Actor, user_id: UUID, limits: dict[str, int | None]) -> Quotas:
        """Set quotas of a user; None: those of their role again. Raises `Invalid`."""

        def decide(quotas: Quotas) -> None:
            for kind, limit in limits.items():
                quotas.set_for_user(user_id, kind, limit, self.clock())

        return await self._change(actor, decide)

    async def set_for_role(self, actor: Actor, role: str, limits: dict[str, int | None]) -> Quotas:
        """Set quotas of all users with a role; None: the defaults again. Raises `Invalid`."""

        def decide(quotas: Quotas) -> None:
            for kind, limit in limits.items():
                quotas.set_for_role(role, kind, limit, self.clock())

        return await self._change(actor, decide)

    async def _change(self, actor: Actor, decide: Callable[[Quotas], None]) -> Quotas:
        require(actor, "quota.configure")
        return await self.platform.ensure(
            actor.cause, Quotas, Quotas.id_of(), lambda id: Quotas(id=id, at=self.clock()), decide
        )


class OpenStream:
    """A stream that counts until it is closed."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close: Callable[[], None] | None = close

    def close(self) -> None:
        """Count it no longer. Has no effect the second time."""
        if self._close:
            self._close()
            self._close = None

    def __enter__(self) -> OpenStream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
