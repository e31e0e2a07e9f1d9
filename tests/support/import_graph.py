"""Which modules of the product import which others, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "application", "projections", "interfaces", "infra")


def modules() -> dict[str, Path]:
    """The product's modules by dotted name; a package is the module of its `__init__`."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {dotted_name(path.relative_to(ROOT)): path for path in paths}


def dotted_name(path: Path) -> str:
    """The name that a file is imported by."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports() -> dict[str, set[str]]:
    """For each module the modules that it imports, also inside functions and for type checkers only."""
    paths = modules()
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        names = imported_names(ast.parse(path.read_text()))
        graph[name] = {module for module in (nearest(one, paths) for one in names) if module and module != name}
    return graph


def imported_names(tree: ast.Module) -> Iterable[str]:
    """Every dotted name that may be a module: `from a import b` names `a.b`."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=aliases):
                yield from (f"{module}.{alias.name}" for alias in aliases)
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)


def nearest(name: str, paths: Mapping[str, Path]) -> str | None:
    """The module that a name is, or is in; None if it is not the product's."""
    return name if name in paths else name.rpartition(".")[0] if name.rpartition(".")[0] in paths else None


def packages(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same graph between packages, that is folders."""
    paths = modules()
    folders = {name: name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in paths.items()}
    result: dict[str, set[str]] = {}
    for name, targets in graph.items():
        others = {folders[target] for target in targets} - {folders[name]}
        result.setdefault(folders[name], set()).update(others)
    return result


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """A circle in the graph, as a path that ends where it begins; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        path: list[str] = error.args[1]
        return path
    return []
