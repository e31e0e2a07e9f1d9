"""permissions.md: which credential every operation takes, and who may do it."""

from __future__ import annotations

from collections.abc import Iterator

from application.access import NEEDS, REACH
from docs.generate.markdown import code, document, table
from domain.role import Role
from domain.scope import Scope
from domain.user_type import UserType
from interfaces.permissions import PERMISSIONS, Credential, Permission

INTRODUCTION = """
What every [address](http.md) needs: a credential, and then the permission for what it does. `WS` is a WebSocket.
Without a credential that counts, the answer is 401; without the permission, 403; for a thing that somebody else holds,
404. Where a contract has other statuses, its [deviations](contracts.md) say so. Streams and sockets ask at their
beginning, and end when the answer would be another one.
"""
ACTIONS = """
An API key of scope `full` may do what its owner may do. A scope never allows more than its owner may do.
"""


def page() -> str:
    rows = ((code(operation), permission.credential.value, needs(permission)) for operation, permission in listed())
    return document(
        "Permissions",
        INTRODUCTION,
        "## Operations",
        table(("operation", "credential", "permission"), rows),
        "## Who may do what",
        ACTIONS,
        table(("permission", "who", "also with a key of scope"), actions()),
    )


def listed() -> Iterator[tuple[str, Permission]]:
    yield from PERMISSIONS.items()


def needs(permission: Permission) -> str:
    if permission.credential is Credential.NONE:
        return ""
    return ", ".join(code(action) for action in dict.fromkeys(permission.actions))


def actions() -> Iterator[tuple[str, str, str]]:
    """Every action, who may do it, and the scopes that allow it."""
    for action, need in NEEDS.items():
        scopes = [scope for scope in (Scope.READ, Scope.AUDIT) if action in REACH[scope]]
        yield code(action), who(need), ", ".join(map(code, scopes))


def who(need: str) -> str:
    if isinstance(need, Role):
        return f"members from {need} on"
    if isinstance(need, UserType):
        return f"accounts of type {need}"
    return {"anyone": "everybody"}.get(need, f"the {need}")
