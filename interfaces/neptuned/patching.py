"""JSON Patch (RFC 6902) of a virtual machine's configuration: applied as a whole or not at all."""

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

REQUIRED_FIELDS = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "from"),
    "copy": ("path", "from"),
    "test": ("path", "value"),
}
FIXED_FIELDS = ("id", "hypervisor", "state")
PASSWORD_PATH = "/password"  # can be written and not read, so the patched document does not have it
MAX_OPERATIONS = 500
MAX_DOCUMENT_BYTES = 262_144  # else copies of copies would soon fill the memory
MAX_SHOWN_CHARS = 100


def apply_patch(document: RawDocument, state: State, operations: Any) -> Change:
    """The change that the operations make. Raises `Invalid` with the first operation that fails, and why."""
    if not isinstance(operations, list):
        raise Invalid("the body must be a JSON Patch: a list of operations")
    if len(operations) > MAX_OPERATIONS:
        raise Invalid(f"a patch has at most {MAX_OPERATIONS} operations")
    patching = Patching(document, state)
    for index, operation in enumerate(operations):
        try:
            patching.apply(validate_operation(operation))
        except Invalid as error:
            raise Invalid(f"operation {index} ({describe_operation(operation)}): {error}") from None
    return patching.change()


class Patching:
    """A document, with the operations so far applied."""

    def __init__(self, document: RawDocument, state: State) -> None:
        self._document: Any = {**deepcopy(document), "state": str(state)}  # clients patch what they see
        self._fixed = {name: self._document[name] for name in FIXED_FIELDS}
        self._sets_password, self._password = False, None

    def apply(self, operation: dict[str, Any]) -> None:
        """Apply one more operation. Raises `Invalid`."""
        if operation["path"] == PASSWORD_PATH:
            if operation["op"] not in ("add", "replace", "remove"):
                raise Invalid("a password can be set and removed, and nothing else")
            self._set_password(operation.get("value"), operation["op"] == "remove")
            return
        patched = apply_operation(self._document, operation)
        if not isinstance(patched, dict):
            raise Invalid("a virtual machine must be left")
        if operation["path"] == "":
            without_error = {name: value for name, value in patched.items() if name != "error"}
            patched = {"state": self._fixed["state"]} | without_error
        if "password" in patched:
            self._set_password(patched.pop("password"), removes=False)
        if changed := next((name for name in FIXED_FIELDS if patched.get(name) != self._fixed[name]), None):
            raise Invalid(f"/{changed} cannot be changed")
        self._document = patched

    def change(self) -> Change:
        """The change that all operations make together."""
        document = {name: value for name, value in self._document.items() if name != "state"}
        return Change(document, self._sets_password, self._password)

    def _set_password(self, value: Any, removes: bool) -> None:
        if not removes and not isinstance(value, str):
            raise Invalid("a password must be text; remove takes it away")
        self._sets_password, self._password = True, None if removes else value


def apply_operation(document: Any, operation: dict[str, Any]) -> Any:
    """The document after the operation. Raises `Invalid`."""
    try:
        patched = JsonPatch([operation]).apply(document)
    except JsonPatchTestFailed:
        raise Invalid("the value there is another one") from None
    except (JsonPatchConflict, JsonPointerException, InvalidJsonPatch, LookupError, TypeError, AttributeError):
        raise Invalid("there is nothing at that path, or nothing can be there") from None
    try:
        size = len(orjson.dumps(patched))
    except TypeError:  # orjson refuses what is nested deeper than any configuration
        size = MAX_DOCUMENT_BYTES + 1
    if size > MAX_DOCUMENT_BYTES:
        raise Invalid("the patched document would be too large")
    return patched


def validate_operation(operation: Any) -> dict[str, Any]:
    """The operation with the fields that it needs and no others. Raises `Invalid`."""
    name = operation.get("op") if isinstance(operation, dict) else None
    required = REQUIRED_FIELDS.get(name) if isinstance(name, str) else None
    if required is None:
        raise Invalid(f"op must be one of {', '.join(REQUIRED_FIELDS)}")
    if missing := next((field for field in required if field not in operation), None):
        raise Invalid(f"it has no {missing}")
    for field in {"path", "from"} & set(required):
        if not isinstance(operation[field], str) or operation[field][:1] not in ("", "/"):
            raise Invalid(f"{field} must be a JSON Pointer, such as /qemu_devices/0/cpu_cores")
    return {field: operation[field] for field in ("op", *required)}


def describe_operation(operation: Any) -> str:
    """The operation for an error message. Its value is left out: it may be a password."""
    if not isinstance(operation, dict):
        return "no operation"
    words = (operation.get("op"), operation.get("path"))
    return " ".join(word[:MAX_SHOWN_CHARS] or '""' for word in words if isinstance(word, str)) or "no operation"


def difference(before: RawDocument, after: RawDocument) -> list[dict[str, Any]]:
    """The operations that turn the one document into the other."""
    operations: list[dict[str, Any]] = make_patch(before, after).patch
    return operations
