"""The permission table: every action, and what an actor needs for it. Commands ask it once, with `require`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.denials import not_in_scope, nothing_there, role_needed
from domain.errors import NotAllowed, NotFound
from domain.role import Role
from domain.scope import Scope
from domain.user_type import UserType


@dataclass(frozen=True)
class Cause:
    """The acting user, the request and the causing event, as they are written on every event."""

    by: UUID | None = None  # None: Tenure itself
    request_id: str = ""
    caused_by: int | None = None  # a position in the log


@dataclass(frozen=True)
class Actor:
    """The person or program that asks, as their credential proves them."""

    user_id: UUID
    name: str  # as the contract of the request calls them
    request_id: str
    auditor: bool = False
    role: Role | None = None  # among the members of this installation; None: no member
    scopes: frozenset[Scope] | None = None  # limits of the API key in use; None: no key is in use
    key_id: UUID | None = None  # the API key in use
    by_token: bool = False  # a token made from that key is in use, and the key was not looked up
    user_type: UserType | None = None  # their type of VM account; None: another contract, or banned
    token_id: UUID | None = None  # the login token of the VM account
    login_id: UUID | None = None  # the sign-in of a cookie or an instructor's token
    expires_at: datetime | None = None  # of the credential in use; None: it does not end by itself

    @property
    def cause(self) -> Cause:
        """What is written on the events of this request."""
        return Cause(self.user_id, self.request_id)

    def with_role(self, role: Role) -> Actor:
        """This actor with the role that they have now. Who audits with a lower role than admin does so by name."""
        by_name = self.auditor and not (self.role and self.role.at_least(Role.ADMIN))
        return replace(self, role=role, auditor=by_name or role.at_least(Role.ADMIN))


TENURE = Actor(UUID(int=0), "tenure", "tenure", auditor=True)  # the system itself, when it follows its own log

# What an action needs: any identified actor; the holder of the thing; an auditor; or a role, or a higher role.
ANYONE, HOLDER, HOLDER_OR_AUDITOR, AUDITOR = "anyone", "holder", "holder or auditor", "auditor"
HOLDER_OR_ADMIN = "holder or admin"
NOT_BANNED = "account that is not banned"
NEEDS: dict[str, str] = {
    "workspace.request": ANYONE,
    "workspace.list": ANYONE,  # their own
    "workspace.see": HOLDER,
    "workspace.operate": HOLDER,
    "workspace.extend": HOLDER,
    "workspace.delete": HOLDER,
    "place.see": ANYONE,  # the names of machine configurations and regions
    "place.configure": Role.ADMIN,  # add, change and remove them
    "work.list": Role.ADMIN,  # what failed too often
    "work.manage": Role.ADMIN,  # have it tried again, or drop it
    "orphan.see": Role.ADMIN,  # machines on engines that the log does not know
    "orphan.settle": Role.ADMIN,  # adopt and destroy them
    "hosted_session.open": ANYONE,
    "hosted_session.list": ANYONE,  # their own
    "hosted_session.see": HOLDER,  # and the requests to join it
    "hosted_session.manage": HOLDER,  # end it, and decide on requests to join
    "guest.ask": ANYONE,
    "guest.list": ANYONE,  # the sessions that they are guests of
    "trail.see": HOLDER_OR_AUDITOR,  # and the event stream, which carries the same facts
    "trail.see_all": AUDITOR,
    "session.view": Role.VIEWER,  # the contract's `view`
    "session.claim": Role.OPERATOR,  # `claim`, and typing
    "session.give_up": ANYONE,  # their own claim
    "session.take_over": Role.ADMIN,  # and release somebody else's claim
    "terminal.view": HOLDER_OR_ADMIN,  # a workspace's session
    "terminal.use": HOLDER_OR_ADMIN,  # claim it, and type into it
    "terminal.use_any": Role.ADMIN,
    "user.manage": Role.ADMIN,  # `manageUsers`
    "invite.create": Role.ADMIN,  # `createInvite`
    "invite.accept": ANYONE,
    "quota.see": ANYONE,  # their own, and what they use of them
    "quota.see_all": Role.ADMIN,
    "quota.configure": Role.ADMIN,
    "key.create": ANYONE,
    "key.list": ANYONE,  # their own
    "key.revoke": HOLDER,
    "workshop.create": ANYONE,
    "workshop.list": ANYONE,  # their own
    "workshop.see": HOLDER,
    "workshop.manage": HOLDER,  # start, stop, extend, delete; end a seat
    "vm.view": NOT_BANNED,  # the console of a machine
    "vm.control": ANYONE,  # a viewer of its console, when it is their turn
    "vm_account.use": ANYONE,  # their own: change the password, log out, delete it
    "vm_account.list": UserType.ADMINISTRATOR,
    "vm_account.manage": UserType.ADMINISTRATOR,
    "vm_server.see": UserType.ADMINISTRATOR,  # and everything else below /admin
    "vm_server.configure": UserType.ADMINISTRATOR,
    "vm.see": UserType.ADMINISTRATOR,  # configurations and their history
    "vm.configure": UserType.ADMINISTRATOR,  # create, patch, delete
    "vm.operate": UserType.ADMINISTRATOR,  # start, stop, restart
}

# The actions that an API key of each scope allows. A scope only limits what its owner may do.
REACH: dict[Scope, frozenset[str]] = {
    Scope.FULL: frozenset(NEEDS),
    Scope.READ: frozenset(action for action in NEEDS if action.endswith((".see", ".list", ".view"))),
    Scope.AUDIT: frozenset({"trail.see", "trail.see_all"}),
}


def within_reach(actor: Actor, action: str) -> bool:
    """Whether the scopes of the credential in use allow this action."""
    return actor.scopes is None or any(action in REACH[scope] for scope in actor.scopes)


def allowed(actor: Actor, action: str, holder: UUID | None = None) -> bool:
    """Whether the actor may do this. `holder` is the user who holds the thing in question."""
    if not within_reach(actor, action):
        return False
    need = NEEDS[action]
    if isinstance(need, Role):
        return actor.role is not None and actor.role.at_least(need)
    if isinstance(need, UserType):
        return actor.user_type == need
    return (
        need == ANYONE
        or (need == NOT_BANNED and actor.user_type is not None)
        or (need in (HOLDER, HOLDER_OR_AUDITOR) and holder == actor.user_id)
        # A scope also limits what an auditor sees of others: `trail.see` alone is for what the actor holds.
        or (need in (AUDITOR, HOLDER_OR_AUDITOR) and actor.auditor and within_reach(actor, "trail.see_all"))
        or (need == HOLDER_OR_ADMIN and (holder == actor.user_id or allowed(actor, "terminal.use_any")))
    )


def require(actor: Actor, action: str, holder: UUID | None = None) -> None:
    """Return if the actor may do this.

    Raises `NotFound` for a thing that somebody else holds (the actor must not learn that it exists), else `NotAllowed`.
    """
    if not allowed(actor, action, holder):
        need = NEEDS[action]
        if not within_reach(actor, action):
            raise NotAllowed(not_in_scope(action, actor.scopes or ()))
        if holder is not None:
            raise NotFound(nothing_there(action))
        raise NotAllowed(role_needed(action, need))
