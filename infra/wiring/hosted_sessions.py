"""Putting together what hosted sessions and their guests need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application.guests import Guests
from application.hosted_sessions import HostedSessions
from application.platform import Platform
from application.ports.clock import Clock, Ids
from application.ports.regions import Engines
from application.ssh_grants import SshGrants
from application.waiting_room import WaitingRoom
from application.workspaces import Workspaces
from infra.auth import ssh_keys
from infra.auth.aliases import alias
from infra.auth.attempt_limiter import PerMinuteAttemptLimiter
from infra.settings import Settings
from infra.tables.join_requests import HolderKeys, JoinRequests


def ssh_grants(platform: Platform, clock: Clock, pool: AsyncConnectionPool[Any]) -> SshGrants:
    return SshGrants(platform, clock, HolderKeys(pool), JoinRequests(pool))


def hosting(
    settings: Settings, workspaces: Workspaces, engines: Engines, attempt_limiter: PerMinuteAttemptLimiter, ids: Ids
) -> tuple[HostedSessions, Guests]:
    lets = workspaces.grants
    sessions = HostedSessions(
        platform=lets.platform,
        clock=lets.clock,
        ids=ids,
        workspaces=workspaces,
        aliases=alias,
        public_key=ssh_keys.checked,
        keys=lets.keys,
        requests=lets.requests,
        attempt_limiter=attempt_limiter,
        term_s=settings.session_seconds,
    )
    guests = Guests(
        platform=lets.platform,
        clock=lets.clock,
        ids=ids,
        sessions=sessions,
        requests=lets.requests,
        grants=lets,
        engines=engines,
        public_key=ssh_keys.checked,
        join_limiter=PerMinuteAttemptLimiter(settings.redis_url, settings.joins_per_minute),
        request_lasts=timedelta(seconds=settings.join_seconds),
        room=WaitingRoom(settings.join_waiting),
    )
    return sessions, guests
