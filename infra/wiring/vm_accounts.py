"""Putting accounts for virtual machines together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from psycopg_pool import AsyncConnectionPool

from application.first_owner import FirstOwner
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.limits import AttemptLimiter
from application.ports.people import Profiles
from application.ports.vm_accounts import Numbers
from application.vm_accounts import VmAccounts
from application.vm_administration import VmAdministration
from application.vm_servers import VmServers
from infra.auth.jwt import Tokens
from infra.auth.rate_limiter import PerHourRateLimiter
from infra.auth.vm_tokens import VmTokenRows
from infra.settings import Settings
from infra.tables.vm_accounts import VmAccountRows

log = logging.getLogger(__name__)
OPEN = "anybody may register for virtual machines; PATCH /api/v0/admin/config closes that"


@dataclass(frozen=True)
class VmPeople:
    accounts: VmAccounts
    administration: VmAdministration
    servers: VmServers
    first_owner: FirstOwner

    async def start(self) -> None:
        """Whoever owns the place administers it; and whoever runs it is told who may come."""
        await self.first_owner.complete()
        if (await self.servers.settings())["registrations_open"]:
            log.info(OPEN)


def people(
    settings: Settings,
    pool: AsyncConnectionPool[Any],
    platform: Platform,
    clock: Clock,
    numbers: Numbers,
    profiles: Profiles,
    tokens: Tokens,
    attempt_limiter: AttemptLimiter,
) -> VmPeople:
    servers = VmServers(platform, clock)
    accounts = VmAccounts(
        platform=platform,
        clock=clock,
        ids=uuid4,
        numbers=numbers,
        rows=VmAccountRows(pool),
        tokens=VmTokenRows(pool, tokens),
        servers=servers,
        profiles=profiles,
        attempt_limiter=attempt_limiter,
        rate_limiter=PerHourRateLimiter(settings.redis_url),
        max_per_hour=settings.accounts_per_hour,
    )
    return VmPeople(accounts, VmAdministration(accounts), servers, FirstOwner(platform, clock, numbers))
