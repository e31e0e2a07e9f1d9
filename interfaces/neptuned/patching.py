"""JSON Patch (RFC 6902) of a virtual machine's configuration: all of it, or nothing, with the operation that failed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
from jsonpatch import InvalidJsonPatch, JsonPatch, JsonPatchConflict, JsonPatchTestFailed, make_patch
from jsonpointer import JsonPointerException

from application.vm_configs import Change
from domain.errors import Invalid
from domain.vm.document import RawDocument
from domain.vm_state import State

NEEDS = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "from"),
    "copy": ("path", "from"),
    "test": ("path", "value"),
}
FOR_GOOD = ("id", "hypervisor", "state")
PASSWORD = "/password"  # it is written, and never read: so it is not in what is patched
MOST_OPERATIONS = 500
LONGEST = 262_144  # bytes; copies of copies would soon fill the memory


def patched(document: RawDocument, state: State, operations: Any) -> Change:
    """What these operations make of it. `Invalid`: which of them fails, and why."""
    if not isinstance(operations, list):
        raise Invalid("the body must be a JSON Patch: a list of operations")
    if len(operations) > MOST_OPERATIONS:
        raise Invalid(f"a patch has at most {MOST_OPERATIONS} operations")
    patching = Patching(document, state)
    for nth, operation in enumerate(operations):
        try:
            patching.apply(checked(operation))
        except Invalid as wrong:
            raise Invalid(f"operation {nth} ({shown(operation)}): {wrong}") from None
    return patching.change()


class Patching:
    """As far as it has come."""

    def __init__(self, document: RawDocument, state: State) -> None:
        self._as_shown: Any = {**deepcopy(document), "state": str(state)}
        self._for_good = {name: self._as_shown[name] for name in FOR_GOOD}
        self._sets_password, self._password = False, None

    def apply(self, operation: dict[str, Any]) -> None:
        if operation["path"] == PASSWORD:
            if operation["op"] not in ("add", "replace", "remove"):
                raise Invalid("a password can be set and removed, and nothing else")
            self._set_password(operation.get("value"), operation["op"] == "remove")
            return
        it = applied(self._as_shown, operation)
        if not isinstance(it, dict):
            raise Invalid("a virtual machine must be left")
        if operation["path"] == "":
            it = {"state": self._for_good["state"]} | {key: value for key, value in it.items() if key != "error"}
        if "password" in it:
            self._set_password(it.pop("password"), removes=False)
        if changed := next((name for name in FOR_GOOD if it.get(name) != self._for_good[name]), None):
            raise Invalid(f"/{changed} cannot be changed")
        self._as_shown = it

    def change(self) -> Change:
        document = {name: value for name, value in self._as_shown.items() if name != "state"}
        return Change(document, self._sets_password, self._password)

    def _set_password(self, value: Any, removes: bool) -> None:
        if not removes and not isinstance(value, str):
            raise Invalid("a password must be text; remove takes it away")
        self._sets_password, self._password = True, None if removes else value


def applied(document: Any, operation: dict[str, Any]) -> Any:
    try:
        it = JsonPatch([operation]).apply(document)
    except JsonPatchTestFailed:
        raise Invalid("it is something else") from None
    except (JsonPatchConflict, JsonPointerException, InvalidJsonPatch, LookupError, TypeError, AttributeError):
        raise Invalid("there is nothing at that path, or nothing can be there") from None
    try:
        size = len(orjson.dumps(it))
    except TypeError:  # nested deeper than anything that is a configuration
        size = LONGEST + 1
    if size > LONGEST:
        raise Invalid("what it leads to is too large")
    return it


def checked(operation: Any) -> dict[str, Any]:
    """It, if it is one."""
    name = operation.get("op") if isinstance(operation, dict) else None
    needs = NEEDS.get(name) if isinstance(name, str) else None
    if needs is None:
        raise Invalid(f"op must be one of {', '.join(NEEDS)}")
    if missing := next((field for field in needs if field not in operation), None):
        raise Invalid(f"it has no {missing}")
    for field in {"path", "from"} & set(needs):
        if not isinstance(operation[field], str) or operation[field][:1] not in ("", "/"):
            raise Invalid(f"{field} must be a JSON Pointer, such as /qemu_devices/0/cpu_cores")
    return {field: operation[field] for field in ("op", *needs)}


def shown(operation: Any) -> str:
    """What it is, without what it would write."""
    if not isinstance(operation, dict):
        return "no operation"
    said = (operation.get("op"), operation.get("path"))
    return " ".join(it[:100] or '""' for it in said if isinstance(it, str)) or "no operation"


def difference(before: RawDocument, after: RawDocument) -> list[dict[str, Any]]:
    """The operations that lead from one to the other."""
    operations: list[dict[str, Any]] = make_patch(before, after).patch
    return operations
