"""Markers that name what a test shows, such as `@pytest.mark.line("V07")`, and the table of names and tests.

Test files are parsed, not imported. A module's own `pytestmark` counts as a test called `*`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

MIN_WIDTH_CHARS = 140  # narrower output, such as rich's 80 columns in a pipe, folds every test name


def shown_by(marker: str, folder: Path) -> dict[str, list[str]]:
    """Map each name that a marker has as an argument to the tests with that marker, below a folder."""
    tests: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for test, decorators in marked(ast.parse(path.read_text())):
            for name in arguments(f"pytest.mark.{marker}", decorators):
                tests.setdefault(name, []).append(f"{path.relative_to(folder)}::{test}")
    return tests


def marked(module: ast.Module) -> Iterator[tuple[str, list[ast.expr]]]:
    """Each test of a module with its decorators."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, node.decorator_list
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield "*", node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]


def arguments(marker: str, decorators: list[ast.expr]) -> Iterator[str]:
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == marker:
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def print_table(headings: tuple[str, str, str], rows: Iterable[tuple[str, str]], tests: dict[str, list[str]]) -> int:
    """Print each name, what it says, and its tests. Returns 1 if a name has no test, or if there are no rows."""
    rows = list(rows)
    page = Table(*headings[:2])
    page.add_column(headings[2], overflow="fold")
    for name, text in rows:
        page.add_row(name, text, "\n".join(tests.get(name, ["[red]nothing[/red]"])), end_section=True)
    console = Console()
    console.width = max(console.width, MIN_WIDTH_CHARS)
    console.print(page)
    bare = [name for name, _ in rows if name not in tests]
    if bare:
        console.print(f"no test shows {', '.join(bare)}", style="bold red")
    return 1 if bare or not rows else 0
