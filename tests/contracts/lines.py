"""The lines of each contract, as `lines.toml` states them, and the tests that show each line."""

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
    deviation: str = ""  # how Tenure differs from the line, if it does


def lines() -> dict[str, Line]:
    """Read every line of every contract, by name."""
    return {line.name: line for page in sorted(HERE.glob("*/lines.toml")) for line in read(page)}


def read(page: Path) -> Iterator[Line]:
    for name, row in tomllib.loads(page.read_text()).items():
        yield Line(page.parent.name, name, **row)


def shown_by() -> dict[str, list[str]]:
    """Map each line's name to the tests marked with it. Test files are parsed, not imported."""
    naming: dict[str, list[str]] = {}
    for path in sorted(HERE.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for name in named_by(node):
                    naming.setdefault(name, []).append(f"{path.relative_to(HERE)}::{node.name}")
    return naming


def named_by(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The arguments of a test's `@pytest.mark.line(…)`."""
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.line":
            yield from (ast.literal_eval(argument) for argument in decorator.args)
