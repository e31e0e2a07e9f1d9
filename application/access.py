"""Who may do what: the whole of it, on one page."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.errors import NotAllowed, NotFound
from domain.role import Role
from domain.scope import Scope
from domain.user_type import UserType


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
    scopes: frozenset[Scope] | None = None  # of the key that they came with; None: they came themselves
    key_id: UUID | None = None  # that key
    user_type: UserType | None = None  # for virtual machines; None: not by that contract, or banned
    token_id: UUID | None = None  # of the token that they logged in there with

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
    "place.see": ANYONE,  # which machine configurations and regions there are
    "place.configure": Role.ADMIN,  # add, change and remove them
    "hosted_session.open": ANYONE,
    "hosted_session.list": ANYONE,  # of their own
    "hosted_session.see": HOLDER,  # and who asks to join it
    "hosted_session.manage": HOLDER,  # end it, and decide who joins
    "guest.ask": ANYONE,
    "guest.list": ANYONE,  # of the sessions that they are in
    "trail.see": HOLDER_OR_AUDITOR,  # and the stream, which tells the same facts
    "trail.see_all": AUDITOR,
    "session.view": Role.VIEWER,  # the contract's `view`
    "session.claim": Role.OPERATOR,  # `claim`; also sending keys
    "session.give_up": ANYONE,  # what is theirs
    "session.take_over": Role.ADMIN,  # and release what is another's
    "terminal.use": HOLDER_OR_ADMIN,  # a workspace's session: view, claim, type into
    "terminal.use_any": Role.ADMIN,
    "user.manage": Role.ADMIN,  # `manageUsers`
    "invite.create": Role.ADMIN,  # `createInvite`
    "invite.accept": ANYONE,
    "key.create": ANYONE,
    "key.list": ANYONE,  # of their own
    "key.revoke": HOLDER,
    "workshop.create": ANYONE,
    "workshop.list": ANYONE,  # of their own
    "workshop.see": HOLDER,
    "workshop.manage": HOLDER,  # start, stop, extend, delete; end a seat
    "vm.control": ANYONE,  # who is let in to watch it, when it is their turn
    "vm_account.use": ANYONE,  # their own: change its password, log out, delete it
    "vm_account.list": UserType.ADMINISTRATOR,
    "vm_account.manage": UserType.ADMINISTRATOR,
    "vm_server.see": UserType.ADMINISTRATOR,  # and whatever else is below /admin
    "vm_server.configure": UserType.ADMINISTRATOR,
    "vm.see": UserType.ADMINISTRATOR,  # configurations, and what they were
    "vm.configure": UserType.ADMINISTRATOR,  # create, patch, delete
    "vm.operate": UserType.ADMINISTRATOR,  # start, stop, restart
}

# What a key of each scope is for. With it nobody may do more than without.
REACH: dict[Scope, frozenset[str]] = {
    Scope.FULL: frozenset(NEEDS),
    Scope.READ: frozenset(action for action in NEEDS if action.endswith((".see", ".list", ".view"))),
    Scope.AUDIT: frozenset({"trail.see", "trail.see_all"}),
}


def within_reach(actor: Actor, action: str) -> bool:
    """Whether what they came with is for this at all."""
    return actor.scopes is None or any(action in REACH[scope] for scope in actor.scopes)


def allowed(actor: Actor, action: str, holder: UUID | None = None) -> bool:
    """Whether the table has it. `holder` is who holds the thing that it is about."""
    if not within_reach(actor, action):
        return False
    need = NEEDS[action]
    if isinstance(need, Role):
        return actor.role is not None and actor.role.at_least(need)
    if isinstance(need, UserType):
        return actor.user_type == need
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
        if not within_reach(actor, action):
            raise NotAllowed(f"{action} is not what this key is for: {', '.join(sorted(actor.scopes or ()))}")
        if holder is not None:
            raise NotFound(f"no such {action.partition('.')[0]}")
        raise NotAllowed(f"{action} needs the role {need}" if isinstance(need, Role) else f"{action} is for an {need}")
