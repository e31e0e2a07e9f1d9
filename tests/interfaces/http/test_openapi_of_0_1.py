"""The published schema has everything that 0.1's had, unchanged: clients generated from it keep working.

What is new may come beside it. What changes on purpose is in CHANGED, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interfaces.app import CONTRACTS
from interfaces.http.errors import install
from interfaces.http.openapi import Api

OF_0_1 = Path(__file__).parents[2] / "upgrade" / "0.1" / "openapi.json"

CHANGED = {
    # The beginning of a place in the document: why it is other than in 0.1.
    "/components/schemas/EntryOut/required": "F81: where an actor's name is from, and whether they chose it",
    "/components/schemas/SnapshotOut/properties/size_bytes": "F73: 0 while it is taken, never null",
    "/components/schemas/Session/properties/status/enum": "F68: a stopped workshop is not pending for ever",
}


def current_document() -> Any:
    api = Api(title="Tenure", version="0.1.0", redirect_slashes=False)
    install(api, CONTRACTS)
    return json.loads(json.dumps(api.openapi()))


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """The places where something that was there is other or missing, except for the text of descriptions."""
    if place.endswith("/parameters"):
        old, new = ({parameter["name"]: parameter for parameter in parameters} for parameters in (old, new))
        yield from (f"{place}/{name} is new, and required" for name in new if name not in old and new[name]["required"])
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{place}/{key}"
            if key == "description" and isinstance(old.get(key, ""), str) and isinstance(new.get(key, ""), str):
                continue
            if key not in old:
                continue  # beside what was there
            if key not in new:
                yield f"{inner} is missing"
            else:
                yield from differences(old[key], new[key], inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (old_entry, new_entry) in enumerate(zip(old, new, strict=True)):
            yield from differences(old_entry, new_entry, f"{place}/{index}")
    elif old != new or type(old) is not type(new):
        yield f"{place} was {old!r}, is {new!r}"


def test_what_0_1_published_is_unchanged_but_for_what_changes_on_purpose() -> None:
    changes = list(differences(json.loads(OF_0_1.read_text()), current_document()))
    assert [change for change in changes if not change.startswith(tuple(CHANGED))] == []
    assert [place for place in CHANGED if not any(change.startswith(place) for change in changes)] == []


def test_a_new_parameter_must_be_optional() -> None:
    old = {"parameters": [{"name": "id", "required": True}]}
    new = {"parameters": [*old["parameters"], {"name": "type", "required": False}]}
    assert not list(differences(old, new))
    new["parameters"][1]["required"] = True
    assert list(differences(old, new)) == ["/parameters/type is new, and required"]


def test_differences_other_than_descriptions_are_found() -> None:
    old = {"description": "a", "properties": {"description": {"type": "string"}}, "required": ["id"]}
    assert not list(differences(old, old | {"description": "b"}))
    assert list(differences(old, {"properties": {}, "required": []})) == [
        "/properties/description is missing",
        "/required was ['id'], is []",
    ]
