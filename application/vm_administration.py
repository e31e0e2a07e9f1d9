"""VM accounts of others: what administrators of virtual machines do with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.access import Actor, Cause, require
from application.account_closure import follow_administrators
from application.claim_release import lost_by_ban
from application.platform import Platform
from application.vm_accounts import VmAccounts, validated_proof
from domain import username as names
from domain.aggregate import Aggregate
from domain.errors import Conflict, Invalid, NotFound
from domain.user_type import UserType
from domain.vm_account import VmAccount, validate_user_type

MAX_REASON_CHARS = 500


@dataclass(frozen=True)
class VmAdministration:
    """Commands of administrators on VM accounts."""

    accounts: VmAccounts

    async def create(
        self, actor: Actor, *, username: str, password: str, user_type: str, banned: bool, reason: str | None
    ) -> VmAccount:
        """An account for somebody else, also while registrations are closed."""
        require(actor, "vm_account.manage")
        name, proof = names.validate_username(username), validated_proof(password)
        validate_reason(reason)
        account, _ = await self.accounts.open(
            name, proof, validate_user_type(user_type), actor.user_id, actor.request_id, str(actor.user_id)
        )
        return await self.ban(actor, account.owner_id, reason) if banned else account

    async def change_type(self, actor: Actor, user_id: UUID, user_type: str) -> None:
        """Change a user type; takes effect at once. Raises `Conflict` for the last administrator."""
        await self._change(actor, user_id, lambda account: account.change_type(user_type, self.accounts.clock()))

    async def change_password(self, actor: Actor, user_id: UUID, password: str, old_password: str | None) -> None:
        """Set a user's password and end all their tokens (N49).

        The actor's own is changed only with the old one, as everywhere. Raises what `VmAccounts.change_password` does.
        """
        require(actor, "vm_account.manage")
        await self._require_open(user_id)
        if user_id == actor.user_id:
            await self.accounts.verify_old_password(user_id, old_password)
        if not await self.accounts.rows.change_password(user_id, validated_proof(password), None):
            raise Conflict("this account signs in by another way; it has no password here")
        await self._change(actor, user_id, lambda account: account.password_changed(None, self.accounts.clock()))

    async def delete(self, actor: Actor, user_id: UUID) -> None:
        """Delete an account, as its user would (N50). Raises `Conflict` for the last administrator.

        A user who also signs in by another contract loses the VM account only.
        """
        require(actor, "vm_account.manage")
        signs_in_elsewhere = await self.accounts.rows.has_other_identity(user_id)
        await self.accounts.close(actor.cause, user_id, everything=not signs_in_elsewhere)

    async def ban(self, actor: Actor, user_id: UUID, reason: str | None) -> VmAccount:
        """Ban a user from virtual machines. Banning again changes the reason.

        Raises `Conflict` for the last administrator.
        """
        require(actor, "vm_account.manage")
        validate_reason(reason)
        await self._require_open(user_id)
        if reason is not None:
            await self.accounts.rows.set_ban_reason(
                user_id, reason
            )  # first: connections that the ban cuts off are told the reason
        account = await self._change(actor, user_id, lambda account: account.ban(self.accounts.clock()))
        await self.accounts.claim_release.release_late(actor.cause, user_id, lost_by_ban)
        return account

    async def unban(self, actor: Actor, user_id: UUID) -> None:
        """Lift a ban."""
        await self._change(actor, user_id, lambda account: account.unban(self.accounts.clock()))
        await self.accounts.rows.set_ban_reason(user_id, None)

    async def _require_open(self, user_id: UUID) -> None:
        """Raises `NotFound` for a closed account, before rows are written for it."""
        account = await self.accounts.find(user_id)
        if account is None or account.closed_at is not None:
            raise NotFound("no such user")

    async def _change(self, actor: Actor, user_id: UUID, decide: Callable[[VmAccount], None]) -> VmAccount:
        require(actor, "vm_account.manage")
        platform, clock = self.accounts.platform, self.accounts.clock

        async def change(account: VmAccount) -> list[Aggregate]:
            was_administrator = account.administers
            decide(account)
            others = await follow_administrators(platform, account, was_administrator, clock())
            if account.banned:
                others += await self.accounts.claim_release.released(user_id, lost_by_ban)
            return others

        return await platform.change_with(actor.cause, VmAccount, VmAccount.id_of(user_id), change)


async def appoint_administrator(platform: Platform, user_id: UUID, now: datetime) -> None:
    """Make a user an administrator, whatever they were. For the operator's shell: no permission is asked."""

    async def appoint(account: VmAccount) -> list[Aggregate]:
        was_administrator = account.administers
        account.unban(now)
        account.change_type(UserType.ADMINISTRATOR, now)
        return await follow_administrators(platform, account, was_administrator, now)

    await platform.change_with(Cause(), VmAccount, VmAccount.id_of(user_id), appoint)


def validate_reason(reason: str | None) -> None:
    """Raises `Invalid` for a reason that is too long or not printable. None is allowed."""
    if reason is not None and (len(reason) > MAX_REASON_CHARS or not reason.isprintable()):
        raise Invalid(f"reason must be one line of at most {MAX_REASON_CHARS} characters")
