"""Hosted sessions and their guests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from application.guests import Guests
from application.hosted_sessions import HostedSessions
from application.waiting_room import WaitingRoom
from infra.auth import ssh_keys
from infra.auth.aliases import random_alias
from infra.auth.attempt_limiter import PerMinuteAttemptLimiter
from infra.reconcile.idle_sessions import IdleSessions
from infra.tables.join_requests import JoinRequestRows
from infra.wiring.engines import EngineServices
from infra.wiring.foundation import BackgroundTask, Foundation
from infra.wiring.ssh_grants import SshGrantServices
from infra.wiring.terminals import TerminalServices
from infra.wiring.workspaces import WorkspaceServices


@dataclass(frozen=True)
class HostedSessionServices:
    hosted_sessions: HostedSessions
    guests: Guests
    join_requests: JoinRequestRows
    waiting_room: WaitingRoom
    idle_sessions: IdleSessions
    background: Mapping[str, BackgroundTask]


def build_hosted_sessions(
    base: Foundation,
    engines: EngineServices,
    ssh: SshGrantServices,
    workspaces: WorkspaceServices,
    terminals: TerminalServices,
) -> HostedSessionServices:
    settings, platform, clock = base.settings, base.platform, base.clock
    hosted_sessions = HostedSessions(
        platform=platform,
        clock=clock,
        ids=uuid4,
        workspaces=workspaces.workspaces,
        aliases=random_alias,
        public_key=ssh_keys.validate_public_key,
        keys=ssh.holder_keys,
        requests=ssh.join_requests,
        attempt_limiter=base.attempt_limiter,
        quotas=base.quotas,
        term_s=settings.session_seconds,
    )
    waiting_room = WaitingRoom(settings.join_waiting)
    guests = Guests(
        platform=platform,
        clock=clock,
        ids=uuid4,
        sessions=hosted_sessions,
        requests=ssh.join_requests,
        grants=ssh.grants,
        engines=engines.by_region,
        public_key=ssh_keys.validate_public_key,
        join_limiter=PerMinuteAttemptLimiter(settings.redis_url, settings.joins_per_minute),
        request_lasts=timedelta(seconds=settings.join_seconds),
        room=waiting_room,
    )
    max_idle = timedelta(seconds=settings.session_idle_seconds)
    idle_sessions = IdleSessions(
        base.database_url,
        base.pool,
        base.queries,
        engines.by_region,
        terminals.presence,
        hosted_sessions,
        clock,
        max_idle,
    )
    background = {"idle sessions": idle_sessions.run} if base.reconciles else {}
    return HostedSessionServices(hosted_sessions, guests, ssh.join_requests, waiting_room, idle_sessions, background)
