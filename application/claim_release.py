"""Releasing the claims of a user who may hold them no longer: in the commit that takes the permission away."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause
from application.platform import ConcurrentUpdate, Platform
from application.ports.claims import HeldClaim, HeldClaims
from application.ports.clock import Clock
from application.ports.errors import Unavailable
from application.sessions import may_claim
from domain.aggregate import Aggregate
from domain.claim import Claim
from domain.role import Role

IsLost = Callable[[Claim, HeldClaim], bool]  # whether the holder may hold a claim no longer


def lost_by_role(user_id: UUID, role: Role) -> IsLost:
    """The claims on terminals that a member with this role may not type into."""
    member = Actor(user_id, "", "").with_role(role)
    return lambda claim, held_claim: held_claim.on_terminal and not may_claim(member, claim.owner_id)


def lost_by_removal(claim: Claim, held_claim: HeldClaim) -> bool:
    """All claims and turns."""
    return True


def lost_by_ban(claim: Claim, held_claim: HeldClaim) -> bool:
    """The turns at consoles of virtual machines."""
    return not held_claim.on_terminal


@dataclass(frozen=True)
class ClaimRelease:
    """Releases of claims, for the commands that end a permission."""

    platform: Platform
    clock: Clock
    held_claims: HeldClaims

    async def released(self, user_id: UUID, is_lost: IsLost) -> list[Aggregate]:
        """The user's claims that are lost, released and not stored yet."""
        claims, now = [], self.clock()
        for held_claim in await self.held_claims.held_by(user_id):
            claim = await self.platform.load(Claim, held_claim.id)
            if claim.holder(now) == user_id and is_lost(claim, held_claim):
                claim.release(user_id, now, may_take_over=True)
                claims.append(claim)
        return [*claims]

    async def release_late(self, cause: Cause, user_id: UUID, is_lost: IsLost) -> None:
        """Release what the user has claimed while the permission was being taken away.

        Without this, a claim that is stored between the search for claims and the commit would last its full time. If
        it fails, anybody else who may claim the session can take it over (`Claims.take`).
        """
        with suppress(Unavailable, ConcurrentUpdate):
            await self.platform.commit(cause, *await self.released(user_id, is_lost))
