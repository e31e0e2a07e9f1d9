"""What is answered otherwise today than by an earlier version, on purpose. What is new may come beside the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from application.denials import not_in_scope, role_needed
from domain.role import Role
from domain.scope import Scope
from domain.user_type import UserType

Body = Any
Change = Callable[[Body], Body]


def newest_first(operations: Body) -> Body:
    """F73. Two that began at once stay in the order of their ids."""
    return sorted(operations, key=lambda operation: str(operation["started_at"]), reverse=True)


def known_size(snapshots: Body) -> Body:
    """F73: the size of a snapshot is 0 while it is not known."""
    return [{**snapshot, "size_bytes": snapshot["size_bytes"] or 0} for snapshot in snapshots]


CHANGES: dict[str, Change] = {
    r"/api/v1/operations(\?.*)?": newest_first,
    r"/api/v1/workspaces/[^/]+/snapshots": known_size,
}


# Sentences of refusals that say more than they did, by the former one.
SENTENCES = {
    "who is asking? Send the header x-vm-user or x-forwarded-user or x-user": (
        "sign in first, or send an API key or the header x-vm-user or x-forwarded-user or x-user"
    ),
    **{
        f"{action} needs the role admin": role_needed(action, Role.ADMIN) for action in ("invite.create", "user.manage")
    },
    **{
        f"{action} is not what this key is for: audit": not_in_scope(action, [Scope.AUDIT])
        for action in ("key.list", "place.see", "workspace.list")
    },
    "vm_server.see is for an administrator": role_needed("vm_server.see", UserType.ADMINISTRATOR),
}


def apply_changes(answer: dict[str, Any]) -> dict[str, Any]:
    """A recorded answer, as it has to be today."""
    for pattern, change in CHANGES.items():
        if answer["status"] == 200 and re.fullmatch(pattern, answer["path"]):
            answer = {**answer, "body": change(answer["body"])}
    if answer["status"] in (401, 403):
        answer = {**answer, "body": {key: reworded(value) for key, value in answer["body"].items()}}
    return answer


def reworded(value: Any) -> Any:
    """A value of an error's body, with the sentence that stands there today."""
    return SENTENCES.get(value, value) if isinstance(value, str) else value


def without_additions(value: Any, expected: Any) -> Any:
    """A value without the keys that its earlier form does not have, at any depth."""
    if isinstance(value, dict) and isinstance(expected, dict):
        return {key: without_additions(inner, expected[key]) for key, inner in value.items() if key in expected}
    if isinstance(value, list) and isinstance(expected, list) and len(value) == len(expected):
        return [without_additions(*pair) for pair in zip(value, expected, strict=True)]
    return value
