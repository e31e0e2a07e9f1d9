"""The role of a member as the log has it now, which is later than what read models and open connections know."""

from __future__ import annotations

from uuid import UUID

from application.platform import Platform
from domain.errors import NotFound
from domain.role import Role
from domain.user import User


async def present_role(platform: Platform, user_id: UUID) -> Role | None:
    """The role of a user; None for a removed one, and for somebody who is no member. Raises `Unavailable`."""
    match await platform.last_event(user_id):
        case None | User.Removed() | User.Forgotten():
            return None
        case User.Joined(role=role) | User.RoleChanged(role=role):
            return Role(role)
    try:
        user = await platform.load(User, user_id)
    except NotFound:
        return None
    return None if user.removed_at else user.role
