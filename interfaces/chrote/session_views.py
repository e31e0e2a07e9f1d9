"""Sessions and claims as CHROTE shows them (C11 to C16)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from application.ports.people import Profile
from application.ports.terminals import Address, Window
from domain.claim import Claim, Claimed
from interfaces.chrote.views import user_id
from projections.sessions import ListedSession

ProfilesById = Mapping[UUID, Profile]


class ClaimJson(TypedDict):
    """Who may type, and until when."""

    userId: str
    userName: str
    expiresAt: datetime | None


class SessionJson(TypedDict):
    """One session of the list."""

    id: str
    name: str
    windows: int
    created: datetime
    attached: bool  # somebody looks at it through tmux itself
    claim: ClaimJson | None


def terminal_address(session: ListedSession) -> Address:
    return Address(session.host, session.server, session.tmux_id, session.created_at)


def name_of(id: UUID, profiles: ProfilesById) -> str:
    return profiles[id].name if id in profiles else ""


def millis(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def claim(session: ListedSession, profiles: ProfilesById) -> ClaimJson | None:
    if session.holder_id is None:
        return None
    return {
        "userId": user_id(session.holder_id),
        "userName": name_of(session.holder_id, profiles),
        "expiresAt": session.expires_at,
    }


def session(listed: ListedSession, attached: bool, profiles: ProfilesById) -> SessionJson:
    """A session of the list. Its id is its name."""
    return {
        "id": listed.name,
        "name": listed.name,
        "windows": listed.windows,
        "created": listed.created_at,
        "attached": attached,
        "claim": claim(listed, profiles),
    }


def detail(
    session: ListedSession, windows: Iterable[Window], viewers: Sequence[UUID], profiles: ProfilesById
) -> dict[str, Any]:
    """A session with its windows, their panes, and the text on each pane."""
    return {
        "id": session.name,
        "name": session.name,
        "windows": [window_view(window) for window in windows],
        "viewers": [{"userId": user_id(id), "name": name_of(id, profiles)} for id in viewers],
        "claim": claim(session, profiles),
    }


def window_view(window: Window) -> dict[str, Any]:
    panes = [
        {
            "index": pane.index,
            "content": pane.content,
            "width": pane.width,
            "height": pane.height,
            "active": pane.active,
        }
        for pane in window.panes
    ]
    return {"index": window.index, "name": window.name, "active": window.active, "panes": panes}


def claim_granted(session_name: str, claim: Claim) -> dict[str, Any]:
    """The answer to a claim (C15)."""
    assert claim.holder_id
    return {
        "success": True,
        "claim": {"sessionId": session_name, "userId": user_id(claim.holder_id), "expiresAt": claim.expires_at},
    }


def claim_refused(error: Claimed) -> dict[str, Any]:
    """The answer to a claim on a session that another user has claimed (C16)."""
    return {
        "error": "FORBIDDEN",
        "message": str(error),
        "claimedBy": user_id(error.holder_id),
        "expiresAt": error.expires_at,
        "details": {"code": "ALREADY_CLAIMED"},
    }
