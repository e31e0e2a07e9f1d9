"""What all builders stand on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.access_changes import AccessChanges
from application.orphans import OrphanReports
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.limits import AttemptLimiter
from application.quotas import QuotaLimits
from infra.auth.attempt_limiter import PerMinuteAttemptLimiter
from infra.eventlog.notifications import Signals
from infra.postgres import database as postgres
from infra.settings import Settings
from infra.tables.hashing import HashingQueue
from infra.tables.holdings import HoldingRows
from infra.wiring.database import Database
from projections.hub import Hub
from projections.query import Queries

BackgroundTask = Callable[[], Coroutine[Any, Any, None]]  # runs until it is cancelled


@dataclass(frozen=True)
class Foundation:
    settings: Settings
    installation_id: UUID
    epoch_id: UUID  # of the log: labels what is made on an engine from now on
    database_url: str
    pool: AsyncConnectionPool[Any]
    platform: Platform
    clock: Clock
    signals: Signals
    access_changes: AccessChanges
    queries: Queries
    hub: Hub
    reconciles: bool  # the sweep, and the search for idle sessions, run by themselves
    attempt_limiter: AttemptLimiter  # of wrong credentials of every kind, from one source
    hashing: HashingQueue  # of passwords of every kind
    quotas: QuotaLimits

    @property
    def works(self) -> bool:
        """Whether this process follows the log and does what is due, beside answering requests or instead of it."""
        return self.settings.role != "api"


def build_foundation(
    settings: Settings, database: Database, epoch_id: UUID, clock: Clock, reconciles: bool = True
) -> Foundation:
    """The pool is not open yet."""
    pool = postgres.create_pool(database.url)
    access_changes = AccessChanges()
    signals = Signals(database.url, access_changes)
    database.platform.on_commit = access_changes.apply_committed
    queries = Queries(pool, signals.followed)
    return Foundation(
        settings=settings,
        installation_id=database.installation_id,
        epoch_id=epoch_id,
        database_url=database.url,
        pool=pool,
        platform=database.platform,
        clock=clock,
        signals=signals,
        access_changes=access_changes,
        queries=queries,
        hub=Hub(queries, settings.reader_queue, settings.replay_limit, access_changes),
        reconciles=reconciles and settings.role != "api",
        attempt_limiter=PerMinuteAttemptLimiter(settings.redis_url, settings.guesses_per_minute),
        hashing=HashingQueue(),
        quotas=QuotaLimits(database.platform, clock, HoldingRows(pool), settings.quotas),
    )


def orphan_reports(base: Foundation) -> OrphanReports:
    """What records orphans, with the grace of the settings."""
    return OrphanReports(base.platform, base.clock, timedelta(seconds=base.settings.orphan_seconds))
