"""What somebody can do with their own account for virtual machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NoReturn
from uuid import UUID

from application.access import Actor, Cause, require
from application.account_closure import close_vm_account, leave_membership
from application.first_owner import find_ownership, first_owner_aggregates
from application.instructors import PASSWORD
from application.platform import TRIES, ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.errors import TooMany
from application.ports.limits import AttemptLimiter, RateLimiter
from application.ports.people import Profiles
from application.ports.vm_accounts import AccountRows, Numbers, VmTokens
from application.vm_servers import VmServers
from domain import username as names
from domain.errors import Conflict, Invalid, NotAllowed, NotFound, Refused
from domain.role import Role
from domain.user import User
from domain.user_type import UserType
from domain.vm_account import VmAccount, VmAdministrators


class WrongPassword(Exception):
    """Nobody has this name and this password."""


@dataclass(frozen=True)
class VmAccounts:
    platform: Platform
    clock: Clock
    ids: Ids
    numbers: Numbers
    rows: AccountRows
    tokens: VmTokens
    servers: VmServers
    profiles: Profiles
    attempt_limiter: AttemptLimiter
    rate_limiter: RateLimiter
    per_hour: int  # accounts made from one address

    async def register(self, *, username: str, password: str, guesser: str, request_id: str) -> str:
        """A token for a new account; that of an administrator, who owns the place, if nobody was here before."""
        if not (await self.servers.settings())["registrations_open"]:
            raise NotAllowed("registrations are closed")
        username, proof = names.checked(username), chosen(password)
        await self.attempt_limiter.check(guesser)
        if await self.rows.find(username):
            await self.attempt_limiter.record_failure(guesser)  # whoever asks on learns who is here
        rate = await self.rate_limiter.hit("account", guesser, self.per_hour)
        if not rate.allowed:
            raise TooMany(rate.resets_in_s)
        account, fits = await self.opened(username, proof, UserType.USER, None, request_id)
        return await self._token(account, fits)

    async def opened(
        self, username: str, proof: str, user_type: UserType, by: UUID | None, request_id: str
    ) -> tuple[VmAccount, str]:
        """A new account, opened by somebody or (None) by whom it is for; and the hash that its password fits."""
        user_id = self.ids()
        fits = await self.rows.open(user_id, username, proof)
        if fits is None and await self._abandoned(username):
            fits = await self.rows.open(user_id, username, proof)
        if fits is None:
            raise Conflict("this username is taken")
        try:
            return await self._commit(user_id, user_type, by, request_id), fits
        except Refused:
            await self.profiles.forget(user_id)  # so that the name is free
            raise

    async def _abandoned(self, username: str) -> bool:
        """Whether a name was kept for an account that never came to be, or has been closed, and now is free."""
        user_id = await self.rows.find(username)
        if user_id is None:
            return True
        account = await self.of(user_id)
        gone = account.closed_at is not None if account else await self.rows.stale(user_id, self.clock())
        if gone:
            await self.profiles.forget(user_id)
        return gone

    async def _commit(self, user_id: UUID, user_type: UserType, by: UUID | None, request_id: str) -> VmAccount:
        number = await self.numbers()
        for _ in range(TRIES):
            now = self.clock()
            account = VmAccount.open(user_id, number, user_type, now)
            if by is None and await find_ownership(self.platform) is None:
                owner = User(id=user_id, at=now, role=str(Role.OWNER), invite_id=None)
                made = [*first_owner_aggregates(user_id, number, now), owner]
            elif account.administers:
                administrators = await self.platform.load(VmAdministrators, VmAdministrators.id_of())
                administrators.appoint(user_id, now)
                made = [account, administrators]
            else:
                made = [account]
            try:
                await self.platform.commit(Cause(by or user_id, request_id), *made)
            except ConcurrentUpdate:
                continue  # somebody else was first here: what is true now?
            return next(it for it in made if isinstance(it, VmAccount))
        raise ConcurrentUpdate("many are registering just now; try again")

    async def log_in(self, *, username: str, proof: str, guesser: str) -> tuple[str, VmAccount]:
        """A token, and whose it is: also for who is banned. Raises `WrongPassword`, after as long for nobody."""
        username = names.folded(username)
        # By a hash, since names are kept nowhere but in their rows.
        guessers = (guesser, f"vm name {sha256(username.encode()).hexdigest()}")
        for who in guessers:
            await self.attempt_limiter.check(who)
        user_id = await self.rows.find(username)
        fits = await self.rows.prove(user_id, proof)
        if user_id is None or fits is None:
            for who in guessers:
                await self.attempt_limiter.record_failure(who)
            raise WrongPassword
        account = await self.of(user_id)
        if account is None or account.closed_at is not None:
            raise WrongPassword  # it is being opened, or forgotten
        return await self._token(account, fits), account

    async def _token(self, account: VmAccount, fits: str) -> str:
        token = await self.tokens.issue(account.owner_id, account.number, fits, self.clock())
        return token if token is not None else wrong()

    async def of(self, user_id: UUID) -> VmAccount | None:
        """Theirs, as it is now, open or closed. A ban counts at once: no list is asked, which may be behind."""
        try:
            return await self.platform.load(VmAccount, VmAccount.id_of(user_id))
        except NotFound:
            return None

    async def opened_for(self, actor: Actor) -> VmAccount:
        """That of somebody who came by another contract's credential for the first time."""
        number = await self.numbers()
        account = VmAccount.open(actor.user_id, number, UserType.USER, self.clock())
        try:
            await self.platform.commit(actor.cause, account)
        except ConcurrentUpdate:
            account = await self.platform.load(VmAccount, account.id)
        return account

    async def log_out(self, actor: Actor) -> None:
        """End the token that they came with."""
        require(actor, "vm_account.use")
        if actor.token_id is None:
            raise Invalid("an API key is not logged out; revoke it: DELETE /api/v1/keys/{id}")
        token_id = actor.token_id
        await self.tokens.end(token_id)
        await self._change(actor, lambda it: it.log_out(token_id, self.clock()))

    async def change_password(self, actor: Actor, password: str) -> None:
        """And end what they are logged in with, but for the token that they came with."""
        require(actor, "vm_account.use")
        if not await self.rows.change(actor.user_id, chosen(password), actor.token_id):
            raise Conflict("this account signs in by another way; it has no password here")
        await self._change(actor, lambda it: it.password_changed(actor.token_id, self.clock()))

    async def delete(self, actor: Actor) -> None:
        """Everything that says who they are goes, and they are no member of the place either."""
        require(actor, "vm_account.use")
        await self.close(actor.cause, actor.user_id, everything=True)

    async def close(self, cause: Cause, user_id: UUID, *, everything: bool) -> None:
        """End an account, and with `everything` also what else there is of them here."""
        for _ in range(TRIES):
            now = self.clock()
            made = await close_vm_account(self.platform, user_id, now, everything)
            if not made:
                raise NotFound("no such user")
            if everything:
                made += await leave_membership(self.platform, user_id, now)
            try:
                await self.platform.commit(cause, *made)
            except ConcurrentUpdate:
                continue
            break
        else:
            raise ConcurrentUpdate("it was changed by others meanwhile; try again")
        await self._forget(user_id, everything)  # at once; and for certain, by the process

    async def forget(self, id: UUID, cause: Cause) -> None:
        """Asked by the process of removal."""
        account = await self.platform.load(VmAccount, id)
        await self._forget(account.owner_id, account.everything)
        await self.platform.change(cause, VmAccount, id, lambda it: it.forget(self.clock()))

    async def _forget(self, user_id: UUID, everything: bool) -> None:
        await (self.profiles.forget(user_id) if everything else self.rows.forget(user_id))

    async def _change(self, actor: Actor, decide: Callable[[VmAccount], None]) -> None:
        await self.platform.change(actor.cause, VmAccount, VmAccount.id_of(actor.user_id), decide)


def wrong() -> NoReturn:
    raise WrongPassword


def proof_of(password: str) -> str:
    """What stands for a password from the moment that it is known: what clients send instead of it (N02)."""
    return sha256(password.encode()).hexdigest()


def chosen(password: str) -> str:
    """The same for a new one. `Invalid` for what is none."""
    if not PASSWORD[0] <= len(password) <= PASSWORD[1]:
        raise Invalid("password must be {} to {} characters".format(*PASSWORD))
    return proof_of(password)
