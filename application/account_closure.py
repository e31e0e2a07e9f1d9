"""Closing accounts: membership and VM account of one person end in the same commit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from application.platform import Platform
from domain.aggregate import Aggregate
from domain.errors import NotFound
from domain.user import User
from domain.vm_account import VmAccount, VmAdministrators


async def close_vm_account(
    platform: Platform, user_id: UUID, now: datetime, everything: bool = True
) -> list[Aggregate]:
    """The changed aggregates of closing a user's VM account; empty without an open one.

    `everything`: also forget everything that names the person. Raises `Conflict` for the last administrator.
    """
    try:
        account = await platform.load(VmAccount, VmAccount.id_of(user_id))
    except NotFound:
        return []
    if account.closed_at is not None:
        return []
    was_administrator = account.administers
    account.close(now, everything)
    return [account, *await follow_administrators(platform, account, was_administrator, now)]


async def leave_membership(platform: Platform, user_id: UUID, now: datetime) -> list[Aggregate]:
    """The user who gives up membership; empty for somebody who is no member."""
    try:
        user = await platform.load(User, user_id)
    except NotFound:
        return []
    user.leave(now)
    return [user]


async def follow_administrators(
    platform: Platform, account: VmAccount, was_administrator: bool, now: datetime
) -> list[Aggregate]:
    """The list of administrators, if this account has just become one or stopped being one."""
    if account.administers == was_administrator:
        return []
    administrators = await platform.load(VmAdministrators, VmAdministrators.id_of())
    (administrators.appoint if account.administers else administrators.dismiss)(account.owner_id, now)
    return [administrators]
