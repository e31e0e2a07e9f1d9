"""The sentences of refusals: what an actor may not do, in the words of the people who read them."""

from __future__ import annotations

from collections.abc import Iterable

from domain.role import Role
from domain.scope import Scope
from domain.user_type import UserType

ACTS: dict[str, str] = {  # what follows "may" or "to", by the action of `access.NEEDS`
    "workspace.request": "create workspaces",
    "workspace.list": "list workspaces",
    "workspace.see": "see workspaces",
    "workspace.operate": "operate workspaces",
    "workspace.extend": "extend workspaces",
    "workspace.delete": "delete workspaces",
    "place.see": "see machine configurations and regions",
    "place.configure": "change machine configurations and regions",
    "hosted_session.open": "open sessions",
    "hosted_session.list": "list sessions",
    "hosted_session.see": "see sessions",
    "hosted_session.manage": "manage sessions",
    "guest.ask": "ask to join sessions",
    "guest.list": "list joined sessions",
    "trail.see": "read the audit trail",
    "trail.see_all": "read the whole audit trail",
    "session.view": "view sessions",
    "session.claim": "claim sessions",
    "session.give_up": "release their claims",
    "session.take_over": "take over the claims of others",
    "terminal.view": "view this terminal",
    "terminal.use": "use this terminal",
    "terminal.use_any": "use the terminals of others",
    "user.manage": "manage users",
    "invite.create": "create invites",
    "invite.accept": "accept invites",
    "key.create": "create API keys",
    "key.list": "list API keys",
    "key.revoke": "revoke API keys",
    "workshop.create": "create workshops",
    "workshop.list": "list workshops",
    "workshop.see": "see workshops",
    "workshop.manage": "manage workshops",
    "work.list": "see parked work",
    "work.manage": "retry and drop parked work",
    "quota.see": "see quotas",
    "quota.see_all": "see the quotas of others",
    "quota.configure": "change quotas",
    "orphan.see": "see machines that the log does not know",
    "orphan.settle": "adopt and destroy machines that the log does not know",
    "vm.view": "open the consoles of virtual machines",
    "vm.control": "control virtual machines",
    "vm_account.use": "use accounts",
    "vm_account.list": "list users",
    "vm_account.manage": "manage users",
    "vm_server.see": "see the server's settings",
    "vm_server.configure": "change the server's settings",
    "vm.see": "see the configurations of virtual machines",
    "vm.configure": "configure virtual machines",
    "vm.operate": "start and stop virtual machines",
}
NOUNS: dict[str, str] = {  # by the first part of an action, or the name of an aggregate in small letters
    "apikey": "key",
    "hosted_session": "session",
    "hostedsession": "session",
    "place": "machine configuration or region",
    "requestkey": "request",
    "terminal": "session",
    "trail": "subject",
    "uniquename": "name",
    "vm": "virtual machine",
    "vmconfig": "virtual machine",
    "vm_account": "user",
    "vmaccount": "user",
    "vm_server": "server",
    "vmserver": "server",
}
UNNAMED_ACT = "do this"  # an action without a phrase; a test finds those


def not_in_scope(action: str, scopes: Iterable[Scope]) -> str:
    """The sentence for a credential whose scopes do not allow the action."""
    current = " and ".join(sorted(scopes)) or "none"
    return f"this API key is not for this: its scope is {current}, and to {act(action)} needs another; use another key"


def role_needed(action: str, need: Role | UserType | str) -> str:
    """The sentence for an actor whose role does not allow the action."""
    if isinstance(need, Role):
        needed = "the owner" if need == Role.OWNER else f"users whose role is {need} or higher"
        return f"only {needed} may {act(action)}; ask an admin for that role"
    if isinstance(need, UserType):
        return f"only users of type {need} may {act(action)}; ask one of them"
    return f"only an {need} may {act(action)}; ask one of them" if need[0] in "aeiou" else f"you may not {act(action)}"


def nothing_there(name: str) -> str:
    """The sentence for a thing that is not there, or that the actor must not learn of."""
    first = name.partition(".")[0]
    return f"no such {NOUNS.get(first, first)}"


def act(action: str) -> str:
    """The action as a verb with its object."""
    return ACTS.get(action, UNNAMED_ACT)
