"""Every setting is read by the product, and the reference page has it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from infra.settings import Settings

ROOT = Path(__file__).parents[3]
SETTINGS = ROOT / "infra" / "settings"
READ_BY_LOADING = {"config"}  # `load_settings` reads the file that it names
PRODUCT = ("application", "domain", "infra", "interfaces", "projections")


@pytest.mark.fault("F38")
@pytest.mark.parametrize("name", sorted(Settings.model_fields.keys() - READ_BY_LOADING))
def test_a_setting_is_read(name: str) -> None:
    readers = {name}
    while more := {reader for read, reader in property_reads() if read in readers} - readers:
        readers |= more
    assert readers & product_reads(), f"nothing reads {name}: remove the setting, or make it work"


@pytest.mark.fault("F38")
@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_documented_as_in_force(name: str) -> None:
    page = (ROOT / "docs/reference/settings.md").read_text().splitlines()
    rows = [row for row in page if f"TENURE_{name.upper()}`" in row]
    assert rows and "not in force" not in rows[0]


@cache
def product_reads() -> set[str]:
    """Every attribute that the product reads, outside of the settings' own package."""
    files = (path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py") if SETTINGS not in path.parents)
    return {name for path in files for name in attribute_reads(ast.parse(path.read_text()), "settings")}


def property_reads() -> Iterator[tuple[str, str]]:
    """Each attribute that a property of the settings reads, with the name of the property."""
    for path in SETTINGS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any(ast.unparse(one) == "property" for one in node.decorator_list):
                yield from ((name, node.name) for name in attribute_reads(node, "self"))


def attribute_reads(tree: ast.AST, owner: str) -> Iterator[str]:
    """The attributes that are read of whatever is called `owner`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == owner:
            yield node.attr
