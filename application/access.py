"""Who may do what: the whole of it, on one page."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.errors import NotAllowed, NotFound
from domain.role import Role


@dataclass(frozen=True)
class Cause:
    """Who and why, as it is written on every event."""

    by: UUID | None = None  # None: Tenure itself
    request_id: str = ""
    caused_by: int | None = None  # a position in the log


@dataclass(frozen=True)
class Actor:
    """Somebody who asks."""

    user_id: UUID
    name: str  # as the contract that they came by calls them
    request_id: str
    auditor: bool = False
    role: Role | None = None  # in the place; None: no account here

    @property
    def cause(self) -> Cause:
        return Cause(self.user_id, self.request_id)


TENURE = Actor(UUID(int=0), "tenure", "tenure", auditor=True)  # itself, where it follows its own log

# An action's row: may everyone who is known do it, or only who holds the thing, or only an auditor? Or whoever has
# a role, or a higher one?
ANYONE, HOLDER, HOLDER_OR_AUDITOR, AUDITOR = "anyone", "holder", "holder or auditor", "auditor"
HOLDER_OR_ADMIN = "holder or admin"
NEEDS: dict[str, str] = {
    "workspace.request": ANYONE,
    "workspace.list": ANYONE,  # of their own
    "workspace.see": HOLDER,
    "workspace.operate": HOLDER,
    "workspace.extend": HOLDER,
    "workspace.delete": HOLDER,
    "trail.see": HOLDER_OR_AUDITOR,  # and the stream, which tells the same facts
    "trail.see_all": AUDITOR,
    "session.view": Role.VIEWER,  # the contract's `view`
    "session.claim": Role.OPERATOR,  # `claim`; also sending keys
    "session.take_over": Role.ADMIN,  # and release what is another's
    "terminal.use": HOLDER_OR_ADMIN,  # a workspace's session: view, claim, type into
    "terminal.use_any": Role.ADMIN,
    "user.manage": Role.ADMIN,  # `manageUsers`
    "invite.create": Role.ADMIN,  # `createInvite`
}


def allowed(actor: Actor, action: str, holder: UUID | None = None) -> bool:
    """Whether the table has it. `holder` is who holds the thing that it is about."""
    need = NEEDS[action]
    if isinstance(need, Role):
        return actor.role is not None and actor.role.at_least(need)
    return (
        need == ANYONE
        or (need in (HOLDER, HOLDER_OR_AUDITOR) and holder == actor.user_id)
        or (need in (AUDITOR, HOLDER_OR_AUDITOR) and actor.auditor)
        or (need == HOLDER_OR_ADMIN and (holder == actor.user_id or allowed(actor, "terminal.use_any")))
    )


def require(actor: Actor, action: str, holder: UUID | None = None) -> None:
    """`NotFound` for somebody else's thing, since they may not learn that it exists; `NotAllowed` otherwise."""
    if not allowed(actor, action, holder):
        need = NEEDS[action]
        if holder is not None:
            raise NotFound(f"no such {action.partition('.')[0]}")
        raise NotAllowed(f"{action} needs the role {need}" if isinstance(need, Role) else f"{action} is for an {need}")
