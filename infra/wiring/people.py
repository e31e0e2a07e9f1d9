"""Users: how they come in, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from application.claim_release import ClaimRelease
from application.first_owner import Ownership
from application.instructors import Instructors
from application.invites import Invites
from application.logins import Logins
from application.ports.logins import PendingSignIns, Provider
from application.users import Users
from infra.auth.providers import providers
from infra.tables.invite_tokens import InviteTokenRows
from infra.tables.logins import InstructorTokenRows, LoginTokenRows
from infra.tables.owner_links import OwnerLinkRows
from infra.tables.passwords import PasswordRows
from infra.tables.people import PeopleRows
from infra.tables.sign_ins import PendingSignInRows
from infra.tables.snowflakes import Snowflakes
from infra.wiring.foundation import Foundation
from projections.claims import ClaimHolders


@dataclass(frozen=True)
class PeopleServices:
    accounts: PeopleRows  # both `People` and `Profiles`
    numbers: Snowflakes
    ownership: Ownership
    users: Users
    claim_release: ClaimRelease
    invites: Invites
    logins: Logins
    instructors: Instructors
    providers: Mapping[str, Provider]
    pending_sign_ins: PendingSignIns


def build_people(base: Foundation) -> PeopleServices:
    platform, clock, pool, limiter = base.platform, base.clock, base.pool, base.attempt_limiter
    claim_release = ClaimRelease(platform, clock, ClaimHolders(base.queries))
    ended = base.access_changes.signal
    accounts, numbers = PeopleRows(pool, uuid4), Snowflakes(pool, clock)
    ownership = Ownership(platform, clock, numbers, OwnerLinkRows(pool), claim_release)
    invites = Invites(platform, clock, uuid4, InviteTokenRows(pool), ownership, limiter)
    tokens = LoginTokenRows(pool, ended)
    logins = Logins(platform, clock, accounts, tokens, invites, ownership, base.settings.open_signup)
    return PeopleServices(
        accounts=accounts,
        numbers=numbers,
        ownership=ownership,
        users=Users(platform, clock, accounts, claim_release),
        claim_release=claim_release,
        invites=invites,
        logins=logins,
        instructors=Instructors(
            platform, clock, logins, PasswordRows(pool, base.hashing), InstructorTokenRows(pool, ended), limiter
        ),
        providers=providers(base.settings),
        pending_sign_ins=PendingSignInRows(pool),
    )
