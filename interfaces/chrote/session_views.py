"""Sessions and claims as CHROTE shows them (C11 to C16, C43 to C47)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from application.access import Actor
from application.ports.people import Profile
from application.ports.terminals import Address, Frame, Window
from domain.claim import Claim, Claimed
from interfaces.chrote.deps import ChroteDeps
from interfaces.chrote.views import user_id
from projections import sessions
from projections.sessions import ListedSession

Names = Mapping[UUID, Profile]
TAKEN = "Session is claimed by another user"


def address(it: ListedSession) -> Address:
    return Address(it.host, it.server, it.tmux_id, it.created_at)


def name(id: UUID, names: Names) -> str:
    return names[id].name if id in names else ""


def millis(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def claim(it: ListedSession, names: Names) -> dict[str, Any] | None:
    if it.holder_id is None:
        return None
    return {"userId": user_id(it.holder_id), "userName": name(it.holder_id, names), "expiresAt": it.expires_at}


def session(it: ListedSession, attached: bool, names: Names) -> dict[str, Any]:
    """One of the list. Its id is its name; `windows` is how many."""
    return {
        "id": it.name,
        "name": it.name,
        "windows": it.windows,
        "created": it.created_at,
        "attached": attached,
        "claim": claim(it, names),
    }


async def all_sessions(deps: ChroteDeps, who: Actor) -> tuple[int, list[dict[str, Any]]]:
    """The list of those that they may see, and its position."""
    found = await sessions.list_visible(deps.queries, who, deps.clock())
    return found.position, [shown for _, shown in await shown_to_owners(deps, found.rows)]


async def shown_to_owners(deps: ChroteDeps, rows: Sequence[ListedSession]) -> list[tuple[UUID | None, dict[str, Any]]]:
    """Each with whose it is; None: everybody's."""
    names = await deps.profiles.profiles([it.holder_id for it in rows if it.holder_id])
    return [(it.owner_id, session(it, deps.terminals.is_attached(address(it)), names)) for it in rows]


def detail(it: ListedSession, windows: Iterable[Window], viewers: Sequence[UUID], names: Names) -> dict[str, Any]:
    """`windows` are the windows, with their panes and what is on them."""
    return {
        "id": it.name,
        "name": it.name,
        "windows": [window(one) for one in windows],
        "viewers": [{"userId": user_id(id), "name": name(id, names)} for id in viewers],
        "claim": claim(it, names),
    }


def window(it: Window) -> dict[str, Any]:
    panes = [
        {"index": one.index, "content": one.content, "width": one.width, "height": one.height, "active": one.active}
        for one in it.panes
    ]
    return {"index": it.index, "name": it.name, "active": it.active, "panes": panes}


def claimed(session_id: str, it: Claim) -> dict[str, Any]:
    """The answer to a claim (C15)."""
    assert it.holder_id
    return {
        "success": True,
        "claim": {"sessionId": session_id, "userId": user_id(it.holder_id), "expiresAt": it.expires_at},
    }


def taken(it: Claimed) -> dict[str, Any]:
    """The refusal of a claim on another's (C16)."""
    return {
        "error": "FORBIDDEN",
        "message": str(it),
        "claimedBy": user_id(it.holder_id),
        "expiresAt": it.expires_at,
        "details": {"code": "ALREADY_CLAIMED"},
    }


def output(session_id: str, it: Frame) -> dict[str, Any]:
    """What is to be written to a terminal (C43, C54); with its size, where that begins with a whole screen."""
    told = {"type": "output", "sessionId": session_id, "pane": it.pane, "data": it.data, "timestamp": millis(it.at)}
    return told | {"width": it.size[0], "height": it.size[1]} if it.size else told


def claimed_by(session_id: str, holder: UUID, expires_at: Any, names: Names) -> dict[str, Any]:
    by = {"id": user_id(holder), "name": name(holder, names)}
    return {"type": "claimed", "sessionId": session_id, "by": by, "expiresAt": expires_at}


def presence(session_id: str, users: Iterable[UUID], names: Names) -> dict[str, Any]:
    shown = [
        {"id": user_id(id), "name": name(id, names), "avatarUrl": names[id].avatar_url if id in names else None}
        for id in users
    ]
    return {"type": "presence", "sessionId": session_id, "users": shown}
