"""People and invites as CHROTE shows them; what its clients read in snake_case is there as well (C64)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from application.ports.people import Profile
from domain.errors import NotFound
from domain.invite import Invite
from domain.user import User
from projections.invites import InviteRow
from projections.users import UserRow


def user_id(id: UUID) -> str:
    return f"user_{id.hex}"


def invite_id(id: UUID) -> str:
    return f"inv_{id.hex}"


def parse(id: str, prefix: str, noun: str) -> UUID:
    """The UUID of a shown id, `user_` or `inv_` and 32 hex digits. Raises `NotFound`."""
    try:
        if not id.startswith(prefix):
            raise ValueError
        return UUID(id.removeprefix(prefix))
    except ValueError:
        raise NotFound(f"no such {noun}") from None


def user(row: UserRow, profile: Profile | None) -> dict[str, Any]:
    """Everything about somebody (C10, C23)."""
    avatar, seen = (profile.avatar_url, profile.last_seen_at) if profile else (None, None)
    return {
        "id": user_id(row.id),
        "name": profile.name if profile else "",
        "email": profile.email if profile else None,
        "avatarUrl": avatar,
        "role": row.role,
        "createdAt": row.joined_at,
        "lastSeenAt": seen,
        "avatar_url": avatar,
        "created_at": row.joined_at,
        "last_seen_at": seen,
    }


def changed(user: User, profile: Profile | None) -> dict[str, Any]:
    """Somebody whose role was changed (C24)."""
    return {"id": user_id(user.id), "name": profile.name if profile else "", "role": str(user.role)}


def invite(row: InviteRow, now: datetime) -> dict[str, Any]:
    """An invite in the list (C29): never its token."""
    return {
        "id": invite_id(row.id),
        "role": row.role,
        "createdBy": user_id(row.created_by),
        "createdAt": row.created_at,
        "expiresAt": row.expires_at,
        "usedCount": row.used_count,
        "maxUses": row.max_uses,
        "revoked": row.revoked,
        "created_by": user_id(row.created_by),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "uses": row.used_count,
        "max_uses": row.max_uses,
        "is_active": row.is_active(now),
    }


def new_invite(it: Invite, token: str, url: str) -> dict[str, Any]:
    """An invite as its maker sees it, once (C28)."""
    row = InviteRow(it.id, it.created_by, str(it.role), it.created_at, it.expires_at, it.max_uses)
    return invite(row, it.created_at) | {"token": token, "url": f"{url}/invite/{token}"}
