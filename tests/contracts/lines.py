"""The contracts line by line, in our own words, and the tests that show each line."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Line:
    contract: str
    name: str
    says: str
    deviation: str = ""  # where we keep to it in another way


def lines() -> dict[str, Line]:
    """Every line of every contract, by name."""
    return {line.name: line for page in sorted(HERE.glob("*/lines.toml")) for line in read(page)}


def read(page: Path) -> Iterator[Line]:
    for name, row in tomllib.loads(page.read_text()).items():
        yield Line(page.parent.name, name, **row)


def shown_by() -> dict[str, list[str]]:
    """The tests that name a line, by that name. They are read, not run: nothing needs to be there for it."""
    naming: dict[str, list[str]] = {}
    for path in sorted(HERE.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for name in named_by(node):
                    naming.setdefault(name, []).append(f"{path.relative_to(HERE)}::{node.name}")
    return naming


def named_by(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The arguments of its `@pytest.mark.line(…)`."""
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.line":
            yield from (ast.literal_eval(argument) for argument in decorator.args)
