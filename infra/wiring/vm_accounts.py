"""Accounts for virtual machines."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import uuid4

from application.first_owner import Ownership
from application.vm_accounts import VmAccounts
from application.vm_administration import VmAdministration
from application.vm_servers import VmServers
from infra.auth.rate_limiter import PerHourRateLimiter
from infra.auth.vm_tokens import VmJwts
from infra.tables.vm_accounts import VmAccountRows
from infra.tables.vm_tokens import VmTokenRows
from infra.wiring.api_keys import ApiKeyServices
from infra.wiring.foundation import Foundation
from infra.wiring.people import PeopleServices

log = logging.getLogger(__name__)
REGISTRATION_IS_OPEN = "anybody may register for virtual machines; PATCH /api/v0/admin/config closes that"


@dataclass(frozen=True)
class VmAccountServices:
    accounts: VmAccounts
    rows: VmAccountRows
    tokens: VmJwts
    administration: VmAdministration
    servers: VmServers
    ownership: Ownership

    async def start(self) -> None:
        """Let the owner of an older installation administer, and warn in the log if anybody may register."""
        await self.ownership.complete()
        if (await self.servers.settings())["registrations_open"]:
            log.info(REGISTRATION_IS_OPEN)


def build_vm_accounts(base: Foundation, people: PeopleServices, keys: ApiKeyServices) -> VmAccountServices:
    platform, clock = base.platform, base.clock
    rows, tokens = VmAccountRows(base.pool, base.hashing), VmJwts(VmTokenRows(base.pool), keys.tokens)
    servers = VmServers(platform, clock)
    accounts = VmAccounts(
        platform=platform,
        clock=clock,
        ids=uuid4,
        numbers=people.numbers,
        rows=rows,
        tokens=tokens,
        servers=servers,
        profiles=people.accounts,
        ownership=people.ownership,
        attempt_limiter=base.attempt_limiter,
        rate_limiter=PerHourRateLimiter(base.settings.redis_url),
        max_per_hour=base.settings.accounts_per_hour,
        claim_release=people.claim_release,
    )
    return VmAccountServices(accounts, rows, tokens, VmAdministration(accounts), servers, people.ownership)
