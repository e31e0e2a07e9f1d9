"""Somebody goes, by whichever door: what they are here ends in one commit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from application.platform import Platform
from domain.aggregate import Aggregate
from domain.errors import NotFound
from domain.user import User
from domain.vm_account import VmAccount, VmAdministrators


async def closing(platform: Platform, user_id: UUID, now: datetime, everything: bool = True) -> list[Aggregate]:
    """Their account for virtual machines, closed, if they have one. `Conflict` for the last administrator.

    `everything`: nothing that names them stays.
    """
    try:
        account = await platform.load(VmAccount, VmAccount.id_of(user_id))
    except NotFound:
        return []
    if account.closed_at is not None:
        return []
    administered = account.administers
    account.close(now, everything)
    return [account, *await kept(platform, account, administered, now)]


async def leaving(platform: Platform, user_id: UUID, now: datetime) -> list[Aggregate]:
    """Their place among the members, given up, if they have one."""
    try:
        user = await platform.load(User, user_id)
    except NotFound:
        return []
    user.leave(now)
    return [user]


async def kept(platform: Platform, account: VmAccount, administered: bool, now: datetime) -> list[Aggregate]:
    """The administrators, where this account was one and is none any more, or the other way round."""
    if account.administers == administered:
        return []
    administrators = await platform.load(VmAdministrators, VmAdministrators.id_of())
    (administrators.appoint if account.administers else administrators.dismiss)(account.owner_id, now)
    return [administrators]
