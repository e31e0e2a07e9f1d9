"""What administrators of virtual machines can do with the accounts of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.access import Actor, Cause, require
from application.account_closure import follow_administrators
from application.platform import Platform
from application.vm_accounts import VmAccounts, chosen
from domain import username as names
from domain.aggregate import Aggregate
from domain.errors import Conflict, Invalid, NotFound
from domain.user_type import UserType
from domain.vm_account import VmAccount, known

LONGEST_REASON = 500  # characters


@dataclass(frozen=True)
class VmAdministration:
    accounts: VmAccounts

    async def create(
        self, actor: Actor, *, username: str, password: str, user_type: str, banned: bool, reason: str | None
    ) -> VmAccount:
        """An account for somebody else, whether or not they could register."""
        require(actor, "vm_account.manage")
        made, proof = names.checked(username), chosen(password)
        sayable(reason)
        account, _ = await self.accounts.opened(made, proof, known(user_type), actor.user_id, actor.request_id)
        return await self.ban(actor, account.owner_id, reason) if banned else account

    async def change_type(self, actor: Actor, user_id: UUID, user_type: str) -> None:
        """Counts from now on. `Conflict` for the last administrator."""
        await self._change(actor, user_id, lambda it: it.change_type(user_type, self.accounts.clock()))

    async def change_password(self, actor: Actor, user_id: UUID, password: str) -> None:
        """And end all that they are logged in with (N49)."""
        require(actor, "vm_account.manage")
        await self._there(user_id)
        if not await self.accounts.rows.change(user_id, chosen(password), None):
            raise Conflict("this account signs in by another way; it has no password here")
        await self._change(actor, user_id, lambda it: it.password_changed(None, self.accounts.clock()))

    async def delete(self, actor: Actor, user_id: UUID) -> None:
        """As if they did it themselves (N50). `Conflict` for the last administrator.

        Who came by another door loses what they have here; who they are elsewhere is not for administrators of this.
        """
        require(actor, "vm_account.manage")
        elsewhere = await self.accounts.rows.come_otherwise(user_id)
        await self.accounts.close(actor.cause, user_id, everything=not elsewhere)

    async def ban(self, actor: Actor, user_id: UUID, reason: str | None) -> VmAccount:
        """They may not use virtual machines, and are told why. `Conflict` for the last administrator.

        Asked again, it says another reason.
        """
        require(actor, "vm_account.manage")
        sayable(reason)
        await self._there(user_id)
        if reason is not None:
            await self.accounts.rows.keep_reason(user_id, reason)  # first: whoever is cut off is told it
        return await self._change(actor, user_id, lambda it: it.ban(self.accounts.clock()))

    async def unban(self, actor: Actor, user_id: UUID) -> None:
        await self._change(actor, user_id, lambda it: it.unban(self.accounts.clock()))
        await self.accounts.rows.keep_reason(user_id, None)

    async def _there(self, user_id: UUID) -> None:
        """Before rows are written for somebody, who may have gone."""
        account = await self.accounts.of(user_id)
        if account is None or account.closed_at is not None:
            raise NotFound("no such user")

    async def _change(self, actor: Actor, user_id: UUID, decide: Callable[[VmAccount], None]) -> VmAccount:
        require(actor, "vm_account.manage")
        platform, clock = self.accounts.platform, self.accounts.clock

        async def changed(account: VmAccount) -> list[Aggregate]:
            administered = account.administers
            decide(account)
            return await follow_administrators(platform, account, administered, clock())

        return await platform.change_with(actor.cause, VmAccount, VmAccount.id_of(user_id), changed)


async def appointed(platform: Platform, user_id: UUID, now: datetime) -> None:
    """Let somebody administer, whatever they were: by whoever runs the place, who need not ask."""

    async def appoint(account: VmAccount) -> list[Aggregate]:
        administered = account.administers
        account.unban(now)
        account.change_type(UserType.ADMINISTRATOR, now)
        return await follow_administrators(platform, account, administered, now)

    await platform.change_with(Cause(), VmAccount, VmAccount.id_of(user_id), appoint)


def sayable(reason: str | None) -> None:
    """Return if it can be shown, or is not said."""
    if reason is not None and (len(reason) > LONGEST_REASON or not reason.isprintable()):
        raise Invalid(f"reason must be one line of at most {LONGEST_REASON} characters")
