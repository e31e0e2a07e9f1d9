"""VM accounts: registration, login, and what people do with their own account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from application.access import Actor, Cause, require
from application.account_closure import close_vm_account, leave_membership
from application.claim_release import ClaimRelease, lost_by_ban, lost_by_removal
from application.first_owner import Ownership, find_ownership
from application.guesses import count_wrong_guess, guess_at
from application.instructors import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from application.platform import MAX_ATTEMPTS, ConcurrentUpdate, Platform
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
    """No account has this name and this password."""


@dataclass(frozen=True)
class VmAccounts:
    """Commands on VM accounts."""

    platform: Platform
    clock: Clock
    ids: Ids
    numbers: Numbers
    rows: AccountRows
    tokens: VmTokens
    servers: VmServers
    profiles: Profiles
    ownership: Ownership
    attempt_limiter: AttemptLimiter
    rate_limiter: RateLimiter
    max_per_hour: int  # new accounts from one address
    claim_release: ClaimRelease

    async def register(
        self,
        *,
        username: str,
        password: str,
        address: str,
        request_id: str,
        may_own: bool,
        invite: str | None = None,
    ) -> str:
        """A token for a new account. `invite` is a one-time link's token, which makes its bearer the owner.

        `may_own`: the request is local and private, so that the first user becomes the owner.

        Raises `NotAllowed` while registrations are closed, `Invalid`, `Conflict` for a taken name, `TooMany`.
        """
        if not (await self.servers.settings())["registrations_open"]:
            raise NotAllowed("registrations are closed")
        username, proof = names.validate_username(username), validated_proof(password)
        if await self.rows.find(username):
            # Else repeated attempts would list the accounts.
            await count_wrong_guess(self.attempt_limiter, f"vm register {address}")
        rate = await self.rate_limiter.hit("account", address, self.max_per_hour)
        if not rate.allowed:
            raise TooMany(rate.resets_in_s)
        link = await self.ownership.find_link(invite) if invite else None
        if invite and link is None:
            await count_wrong_guess(self.attempt_limiter, f"vm register {address}")
            raise Invalid("invite is not good any more; leave it out to register without it")
        account, password_hash = await self.open(
            username, proof, UserType.USER, None, request_id, address, may_own=may_own, link=link
        )
        return await self._token(account, password_hash)

    async def open(
        self,
        username: str,
        proof: str,
        user_type: UserType,
        by: UUID | None,
        request_id: str,
        source: str,
        *,
        may_own: bool = False,
        link: UUID | None = None,
    ) -> tuple[VmAccount, str]:
        """A new account and the hash of its password. `by` is the administrator who opens it; None: its own user.

        `source` is whose turn it is to hash: an address, or the administrator. The user becomes the owner by `link`, or
        as the first one if `may_own`.
        """
        user_id = self.ids()
        password_hash = await self.rows.register(user_id, username, proof, source)
        if password_hash is None and await self._release_name(username):
            password_hash = await self.rows.register(user_id, username, proof, source)
        if password_hash is None:
            raise Conflict("this username is taken")
        try:
            is_linked = link is not None and await self.ownership.take_link(link)
            return await self._commit(user_id, user_type, by, request_id, may_own, is_linked), password_hash
        except Refused:
            await self.profiles.forget(user_id)  # so that the name is free
            raise

    async def _release_name(self, username: str) -> bool:
        """Free a name whose account was never stored, or has been closed. Returns whether the name is free now."""
        user_id = await self.rows.find(username)
        if user_id is None:
            return True
        account = await self.find(user_id)
        abandoned = account.closed_at is not None if account else await self.rows.is_stale(user_id, self.clock())
        if abandoned:
            await self.profiles.forget(user_id)
        return abandoned

    async def _commit(
        self, user_id: UUID, user_type: UserType, by: UUID | None, request_id: str, may_own: bool, is_linked: bool
    ) -> VmAccount:
        number = await self.numbers()
        for _ in range(MAX_ATTEMPTS):
            now = self.clock()
            account = VmAccount.open(user_id, number, user_type, now)
            if (is_linked or may_own) and await find_ownership(self.platform) is None:
                owner = User(id=user_id, at=now, role=str(Role.OWNER), invite_id=None)
                account = VmAccount.open(user_id, number, UserType.ADMINISTRATOR, now)
                aggregates = await self.ownership.first(owner, account)
            elif account.administers:
                administrators = await self.platform.load(VmAdministrators, VmAdministrators.id_of())
                administrators.appoint(user_id, now)
                aggregates = [account, administrators]
            else:
                aggregates = [account]
            try:
                await self.platform.commit(Cause(by or user_id, request_id), *aggregates)
            except ConcurrentUpdate:
                continue  # somebody else was faster: decide again on what is true now
            return account
        raise ConcurrentUpdate("many are registering just now; try again")

    async def log_in(self, *, username: str, proof: str, address: str) -> tuple[str, VmAccount]:
        """A token and its account, also a banned one. Raises `WrongPassword`, equally late for unknown names.

        Raises `TooMany` after wrong guesses from this address at this name.
        """
        username = names.fold_username(username)
        guess_source = f"vm login {username} {address}"
        shared = (f"vm login from {address}", f"vm login as {username}")
        async with guess_at(self.attempt_limiter, guess_source, *shared) as guess:
            user_id = await self.rows.find(username)
            # Else whoever floods from this address would keep those waiting who have logged in from there before.
            source = guess_source if guess.is_proven else address
            password_hash = await self.rows.verify_proof(user_id, proof, source)
            if user_id is None or password_hash is None:
                guess.wrong()
                raise WrongPassword
            guess.right()
        account = await self.find(user_id)
        if account is None or account.closed_at is not None:
            raise WrongPassword  # being opened, or being deleted
        return await self._token(account, password_hash), account

    async def _token(self, account: VmAccount, password_hash: str) -> str:
        token = await self.tokens.issue(account.owner_id, account.number, password_hash, self.clock())
        if token is None:
            raise WrongPassword  # the password was changed meanwhile
        return token

    async def find(self, user_id: UUID) -> VmAccount | None:
        """A user's account, open or closed. It is read from the log, so that a ban takes effect at once."""
        try:
            return await self.platform.load(VmAccount, VmAccount.id_of(user_id))
        except NotFound:
            return None

    async def open_for(self, actor: Actor) -> VmAccount:
        """A new account for a user who comes with a credential of another contract."""
        number = await self.numbers()
        account = VmAccount.open(actor.user_id, number, UserType.USER, self.clock())
        try:
            await self.platform.commit(actor.cause, account)
        except ConcurrentUpdate:
            account = await self.platform.load(VmAccount, account.id)
        return account

    async def log_out(self, actor: Actor) -> None:
        """End the token in use. Raises `Invalid` for an API key."""
        require(actor, "vm_account.use")
        if actor.token_id is None:
            raise Invalid("an API key is not logged out; revoke it: DELETE /api/v1/keys/{id}")
        token_id = actor.token_id
        await self.tokens.revoke(token_id)
        await self._change(actor, lambda account: account.log_out(token_id, self.clock()))

    async def change_password(self, actor: Actor, password: str, old_password: str | None) -> None:
        """Change the actor's password, and end all their tokens but the one in use.

        Raises `Invalid` without the old password, `NotAllowed` for a wrong one, `TooMany` after too many wrong ones.
        """
        require(actor, "vm_account.use")
        await self.verify_old_password(actor.user_id, old_password)
        if not await self.rows.change_password(actor.user_id, validated_proof(password), actor.token_id):
            raise Conflict("this account signs in by another way; it has no password here")
        await self._change(actor, lambda account: account.password_changed(actor.token_id, self.clock()))

    async def verify_old_password(self, user_id: UUID, old_password: str | None) -> None:
        """Check the password of an account that has one, before it is changed.

        Raises `Invalid` without the old password, `NotAllowed` for a wrong one, `TooMany` after too many wrong ones.
        """
        if not await self.rows.has_password(user_id):
            return
        if old_password is None:
            raise Invalid("old_password is needed: whoever has only the token must not change the password")
        async with guess_at(self.attempt_limiter, f"vm old password {user_id}") as guess:
            if await self.rows.verify_proof(user_id, proof_of(old_password), str(user_id)) is None:
                guess.wrong()
                raise NotAllowed("old_password is not the password of this account")
            guess.right()

    async def delete(self, actor: Actor) -> None:
        """Delete the actor's account and membership, with everything that names them."""
        require(actor, "vm_account.use")
        await self.close(actor.cause, actor.user_id, everything=True)

    async def close(self, cause: Cause, user_id: UUID, *, everything: bool) -> None:
        """Close an account; with `everything`, also the membership and everything that names the person."""
        is_lost = lost_by_removal if everything else lost_by_ban
        for _ in range(MAX_ATTEMPTS):
            now = self.clock()
            aggregates = await close_vm_account(self.platform, user_id, now, everything)
            if not aggregates:
                raise NotFound("no such user")
            if everything:
                aggregates += await leave_membership(self.platform, user_id, now)
            aggregates += await self.claim_release.released(user_id, is_lost)
            try:
                await self.platform.commit(cause, *aggregates)
            except ConcurrentUpdate:
                continue
            break
        else:
            raise ConcurrentUpdate("it was changed by others meanwhile; try again")
        await self.claim_release.release_late(cause, user_id, is_lost)
        await self._forget(user_id, everything)  # at once; the process repeats it after a crash

    async def forget(self, id: UUID, cause: Cause) -> None:
        """Delete the rows of a closed account; asked by the process."""
        account = await self.platform.load(VmAccount, id)
        await self._forget(account.owner_id, account.everything)
        await self.platform.change(cause, VmAccount, id, lambda account: account.forget(self.clock()))

    async def _forget(self, user_id: UUID, everything: bool) -> None:
        await (self.profiles.forget(user_id) if everything else self.rows.forget(user_id))

    async def _change(self, actor: Actor, decide: Callable[[VmAccount], None]) -> None:
        await self.platform.change(actor.cause, VmAccount, VmAccount.id_of(actor.user_id), decide)


def proof_of(password: str) -> str:
    """The SHA-256 that stands for a password on its way, in hex (N02)."""
    return sha256(password.encode()).hexdigest()


def validated_proof(password: str) -> str:
    """The proof of a new password. Raises `Invalid` for a length that is not allowed."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise Invalid(f"password must be {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
    return proof_of(password)
