"""People and invites as CHROTE shows them. Some clients read snake_case, so those fields are there as well (C64)."""

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


def parse_id(id: str, prefix: str, noun: str) -> UUID:
    """The UUID of an id as clients have it: the prefix and 32 hex digits. Raises `NotFound`."""
    try:
        if not id.startswith(prefix):
            raise ValueError
        return UUID(id.removeprefix(prefix))
    except ValueError:
        raise NotFound(f"no such {noun}") from None


def user_view(row: UserRow, profile: Profile | None) -> dict[str, Any]:
    """A user with their profile (C10, C23)."""
    avatar_url, last_seen_at = (profile.avatar_url, profile.last_seen_at) if profile else (None, None)
    return {
        "id": user_id(row.id),
        "name": profile.name if profile else "",
        "email": profile.email if profile else None,
        "avatarUrl": avatar_url,
        "role": row.role,
        "createdAt": row.joined_at,
        "lastSeenAt": last_seen_at,
        "avatar_url": avatar_url,
        "created_at": row.joined_at,
        "last_seen_at": last_seen_at,
    }


def changed_user(user: User, profile: Profile | None) -> dict[str, Any]:
    """A user whose role was changed (C24)."""
    return {"id": user_id(user.id), "name": profile.name if profile else "", "role": str(user.role)}


def invite_view(row: InviteRow, now: datetime, creator_name: str | None, note: str | None) -> dict[str, Any]:
    """An invite of the list (C29), without its token. The name and the note go with the account of the creator."""
    return {
        "id": invite_id(row.id),
        "role": row.role,
        "createdBy": user_id(row.created_by),
        "createdByName": creator_name,
        "note": note,
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


def new_invite(invite: Invite, token: str, url: str, creator_name: str, note: str | None) -> dict[str, Any]:
    """The answer to making an invite (C28). No other answer has the token."""
    row = InviteRow(
        invite.id, invite.created_by, str(invite.role), invite.created_at, invite.expires_at, invite.max_uses
    )
    return invite_view(row, invite.created_at, creator_name, note) | {"token": token, "url": f"{url}/invite/{token}"}
