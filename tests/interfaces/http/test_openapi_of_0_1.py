"""The published schema is the one of 0.1 but for descriptions: clients generated from it keep working."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interfaces.app import CONTRACTS
from interfaces.http.errors import install
from interfaces.http.openapi import Api

OF_0_1 = Path(__file__).parents[2] / "upgrade" / "0.1" / "openapi.json"


def current_document() -> Any:
    api = Api(title="Tenure", version="0.1.0", redirect_slashes=False)
    install(api, CONTRACTS)
    return json.loads(json.dumps(api.openapi()))


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """The places where two documents differ, other than in the text of a description."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{place}/{key}"
            if key == "description" and isinstance(old.get(key, ""), str) and isinstance(new.get(key, ""), str):
                continue
            if key not in old:
                yield f"{inner} is new"
            elif key not in new:
                yield f"{inner} is missing"
            else:
                yield from differences(old[key], new[key], inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (old_entry, new_entry) in enumerate(zip(old, new, strict=True)):
            yield from differences(old_entry, new_entry, f"{place}/{index}")
    elif old != new or type(old) is not type(new):
        yield f"{place} was {old!r}, is {new!r}"


def test_schema_is_the_one_of_0_1_but_for_descriptions() -> None:
    assert list(differences(json.loads(OF_0_1.read_text()), current_document())) == []


def test_differences_other_than_descriptions_are_found() -> None:
    old = {"description": "a", "properties": {"description": {"type": "string"}}, "required": ["id"]}
    assert not list(differences(old, old | {"description": "b"}))
    assert list(differences(old, {"properties": {}, "required": []})) == [
        "/properties/description is missing",
        "/required was ['id'], is []",
    ]
