"""The faults of Tenure 0.1, as `tests/faults.toml` states what holds now, and the tests that show each.

`python -m tests.support.faults [NAME…]` prints them; it exits with 1 while a printed fault has no test.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

TESTS = Path(__file__).parents[1]
MIN_WIDTH_CHARS = 140  # narrower output, such as rich's 80 columns in a pipe, folds every test name


def faults() -> dict[str, str]:
    """Read what holds now, by the fault's name."""
    return tomllib.loads((TESTS / "faults.toml").read_text())


def shown_by() -> dict[str, list[str]]:
    """Map each fault to the tests marked with it. Test files are parsed, not imported."""
    naming: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        module = ast.parse(path.read_text())
        for test, decorators in marked(module):
            for name in names_in(decorators):
                naming.setdefault(name, []).append(f"{path.relative_to(TESTS)}::{test}")
    return naming


def marked(module: ast.Module) -> Iterator[tuple[str, list[ast.expr]]]:
    """Each test of a module with its decorators. The module's own `pytestmark` counts as a test called `*`."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, node.decorator_list
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield "*", node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]


def names_in(decorators: list[ast.expr]) -> Iterator[str]:
    """The arguments of each `pytest.mark.fault(…)`."""
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def main(names: list[str]) -> int:
    """Print the table of all faults, or of those named. Returns 1 if a printed fault has no test."""
    naming = shown_by()
    chosen = {name: says for name, says in faults().items() if not names or name in names}
    page = Table("fault", "what holds")
    page.add_column("shown by, in tests", overflow="fold")
    for name, says in chosen.items():
        page.add_row(name, says, "\n".join(naming.get(name, ["[red]nothing[/red]"])), end_section=True)
    console = Console()
    console.width = max(console.width, MIN_WIDTH_CHARS)
    console.print(page)
    bare = [name for name in chosen if name not in naming]
    if bare:
        console.print(f"no test shows {', '.join(bare)}", style="bold red")
    return 1 if bare or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
