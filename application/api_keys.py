"""API keys: creating, revoking, and what a key allows now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.access import Actor, Cause, require
from application.guesses import count_wrong_guess
from application.platform import Platform
from application.ports.api_keys import Grant, KeyRows
from application.ports.clock import Clock, Ids
from application.ports.limits import AttemptLimiter
from application.ports.people import People
from application.quotas import QuotaLimits
from domain.api_key import ApiKey
from domain.errors import Invalid, NotAllowed, NotFound
from domain.name import validate_name
from domain.quota_defaults import Kind
from domain.role import Role
from domain.scope import Scope
from domain.user import User

NO_KEY = UUID(int=0)  # no key has this id


@dataclass(frozen=True)
class ApiKeys:
    """Commands on API keys."""

    platform: Platform
    clock: Clock
    ids: Ids
    rows: KeyRows
    attempt_limiter: AttemptLimiter
    people: People
    scheme: str  # of the identities whose names are in `auditors`
    auditors: frozenset[str]
    quotas: QuotaLimits

    async def create(
        self, actor: Actor, *, name: str, scopes: Iterable[str] = (Scope.FULL,), lasts: timedelta | None = None
    ) -> tuple[ApiKey, str]:
        """A new key and its text. Only the text's hash is kept: it cannot be shown again.

        A key that makes another must be good now, and the other ends no later. Raises `NotAllowed`, `Invalid`.
        """
        require(actor, "key.create")
        now = self.clock()
        maker = await self._maker(actor)
        if maker and maker.expires_at is not None:
            lasts = within_lifetime(lasts, maker.expires_at - now)
        key = ApiKey.create(id=self.ids(), owner_id=actor.user_id, scopes=scopes, lasts=lasts, now=now)
        if Scope.AUDIT in key.scopes:
            require(actor, "trail.see_all")
        name = validate_name(name)
        async with self.quotas.reserve(actor, Kind.KEYS, key.id):
            text = await self.rows.issue(key.id, actor.user_id, name)  # first: a text without a key opens nothing
            await self.platform.commit(actor.cause, key)
        return key, text

    async def _maker(self, actor: Actor) -> ApiKey | None:
        """The key that makes another; None for somebody who is signed in. Raises `NotAllowed`."""
        if actor.scopes is None:
            return None
        if actor.by_token or actor.key_id is None:
            raise NotAllowed("a token makes no keys; send the API key itself in X-API-Key, or sign in")
        key = await self.platform.find(ApiKey, actor.key_id)
        if key is None or not key.is_good(self.clock()) or Scope.FULL not in key.scopes:
            raise NotAllowed("only a full key that is good makes keys; sign in to make one")
        return key

    async def revoke(self, actor: Actor, id: UUID) -> None:
        """Revoke a key; takes effect at once. Raises `NotFound` for somebody else's key."""

        def revoke(key: ApiKey) -> None:
            require(actor, "key.revoke", key.owner_id)
            key.revoke(self.clock())

        try:
            await self.platform.change(actor.cause, ApiKey, id, revoke)
        except NotFound:
            raise NotFound("no such key") from None
        await self.rows.forget(id)  # at once; the process repeats it after a crash

    async def forget(self, id: UUID, cause: Cause) -> None:
        """Delete the rows of a revoked key; asked by the process."""
        await self.rows.forget(id)
        await self.platform.change(cause, ApiKey, id, lambda key: key.forget(self.clock()))

    async def authenticate(self, text: str, address: str) -> Grant | None:
        """What a key's text allows now; None for a wrong or revoked one. Raises `TooMany` after too many wrong ones.

        A good key is never refused for wrong ones from its address: keys are too long to be guessed.

        An unknown text, one with a known visible part, and one of a revoked key take the same steps: the time of an
        answer must not tell them apart.
        """
        id = await self.rows.find(text)
        try:
            key = await self.platform.load(ApiKey, id or NO_KEY)
        except NotFound:
            key = None
        grant = await self._grant(key) if key and key.is_good(self.clock()) else None
        if key is None or grant is None:
            await count_wrong_guess(self.attempt_limiter, f"key {address}")
            return None
        await self.rows.record_use(key.id, self.clock())
        return grant

    async def is_good(self, id: UUID) -> bool:
        """Whether a key opens anything now: it is not revoked, has not expired, and its owner was not removed."""
        key = await self.platform.find(ApiKey, id)
        if key is None or not key.is_good(self.clock()):
            return False
        return not isinstance(await self.platform.last_event(key.owner_id), User.Removed | User.Forgotten)

    async def _grant(self, key: ApiKey) -> Grant | None:
        """What a key allows now: never more than its owner may do."""
        owner = key.owner_id
        last_event = await self.platform.last_event(owner)
        if isinstance(last_event, User.Removed | User.Forgotten):
            return None
        role = Role(last_event.role) if last_event else None
        scheme_name = (await self.people.names(self.scheme, [owner])).get(owner)
        name = scheme_name or (await self.people.display_names([owner])).get(owner, "")
        scopes = set(key.scopes)
        if not (scheme_name in self.auditors or (role and role.at_least(Role.ADMIN))):
            scopes.discard(Scope.AUDIT)
        elif Scope.FULL in scopes:
            scopes.add(Scope.AUDIT)
        return Grant(key.id, owner, name, frozenset(scopes), key.expires_at, role)


def within_lifetime(lasts: timedelta | None, rest: timedelta) -> timedelta:
    """The lifetime of a key that another makes, which ends with that one at the latest. Raises `Invalid`."""
    if lasts is not None and lasts > rest:
        seconds = int(rest.total_seconds())
        raise Invalid(f"the key in use ends in {seconds} seconds, and so must a key that it makes; or sign in")
    return rest if lasts is None else lasts
