"""The word rules that a program can hold: names, units, signatures and docstrings.

    python -m tests.support.words [PATH…]

prints each breach with the rule's sentence. `tests/test_words.py` runs it over the whole tree.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("domain", "application", "projections", "interfaces", "infra")
FOLDERS = (*PRODUCT, "tests", "benchmarks")

NAMES = (
    "A name is a noun for a thing or a verb for an act, never a pronoun or a participle: a reader must know what it is."
)
UNITS = "A number's name ends with its unit or with what it counts: READ_TIMEOUT_S, MAX_NAME_CHARS, MAX_READERS."
SIGNATURES = "A signature shows everything: name each parameter, and give JSON-shaped values a TypedDict or a model."
PORTS = "A port's docstring says what it does, in which units and shapes, and which errors it raises."
ROOMS = "A package's `__init__` says in two sentences what lives there and what may not."

BANNED = frozenset(
    re.findall(
        r"\w+",
        """it its them they theirs ours mine that this that those these who whom whose what which here there
        told said given found asked known taken shown seen kept meant wanted gone made held called sent done begun heard
        named""",
    )
)
# The last word of a number's name. A plural says what is counted.
UNIT = re.compile(
    r"_(S|MS|US|NS|HZ|FPS|PX|DPI|PCT|PERCENT|RATIO|FACTOR|BYTES|KB|MB|GB|MIB|BITS|CHARS|LEN|PORT|FD|UID|GID|MODE|FLAG"
    r"|ID|LOCK|VERSION|STATUS|CODE|TYPE|BIT|MASK|HOUR|MINUTE|DAY|YEAR|OFFSET|INDEX|POSITION|WIDTH|HEIGHT|LEVEL|KEY|BASE"
    r"|EXPONENT|SEED|PRIORITY|EPOCH)$|[A-Z0-9]{2,}S(_PER_(S|MINUTE|HOUR|[A-Z]+))?$"
)
SECONDS_COMMENT = re.compile(r"#\s*(seconds|s\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Breach:
    """One place that breaks a rule."""

    path: Path
    line: int
    text: str
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def names_bound(node: ast.AST) -> Iterator[tuple[str, int]]:
    """The names that a statement or expression binds: parameters, variables, fields, functions, attributes."""
    match node:
        case ast.arg(arg=name, lineno=line):
            yield name, line
        case ast.Name(id=name, ctx=ast.Store(), lineno=line):
            yield name, line
        case ast.Attribute(attr=name, ctx=ast.Store(), lineno=line):
            yield name, line
        case ast.FunctionDef(name=name, lineno=line) | ast.AsyncFunctionDef(name=name, lineno=line):
            yield name, line
        case ast.ImportFrom(names=aliases, lineno=line) | ast.Import(names=aliases, lineno=line):
            yield from ((alias.asname, line) for alias in aliases if alias.asname)
        case ast.ExceptHandler(name=str(name), lineno=line):
            yield name, line


def banned_names(path: Path, tree: ast.Module) -> Iterator[Breach]:
    """Pronouns and participles as names. A function of the tests may be called `given`, as in given, when, then."""
    for node in ast.walk(tree):
        for name, line in names_bound(node):
            if (
                name == "given"
                and path.parts[0] == "tests"
                and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            ):
                continue
            if name.strip("_") in BANNED:
                yield Breach(path, line, f"`{name}` names nothing", NAMES)


def constants_without_units(path: Path, tree: ast.Module, lines: list[str]) -> Iterator[Breach]:
    """Numbers at the top of a module whose name does not say what they count."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                if name.isupper() and value is not None and is_number(value):
                    if not UNIT.search(name):
                        yield Breach(path, node.lineno, f"{name} has no unit", UNITS)
                    elif SECONDS_COMMENT.search(lines[node.lineno - 1]) and not name.endswith("_S"):
                        yield Breach(path, node.lineno, f"{name} is in seconds, and does not end with _S", UNITS)


def is_number(value: ast.expr) -> bool:
    """Whether an expression is made of number literals only."""
    match value:
        case ast.Constant(value=number):
            return isinstance(number, int | float) and not isinstance(number, bool)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
    return False


def hidden_signatures(path: Path, tree: ast.Module) -> Iterator[Breach]:
    """`**values: Any`, callables typed `object`, and attributes made up when they are asked for."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        rest = node.args.kwarg
        if (
            rest is not None
            and rest.annotation
            and not rest.arg.startswith("_")
            and ast.unparse(rest.annotation) == "Any"
        ):
            yield Breach(path, node.lineno, f"`{node.name}` takes **{rest.arg}: Any", SIGNATURES)
        if node.name == "__getattr__":
            yield Breach(path, node.lineno, "`__getattr__` hides what there is", SIGNATURES)
        for arg in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            if arg.arg == "decide" and arg.annotation is not None and ast.unparse(arg.annotation) == "object":
                yield Breach(path, node.lineno, f"`{node.name}` takes decide: object", SIGNATURES)


def ports_without_docstrings(path: Path, tree: ast.Module) -> Iterator[Breach]:
    """Classes and public methods of a port that say nothing."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            if not ast.get_docstring(node):
                yield Breach(path, node.lineno, f"{node.name} has no docstring", PORTS)
            for method in node.body:
                if not isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) or method.name.startswith("_"):
                    continue
                if not ast.get_docstring(method):
                    yield Breach(path, method.lineno, f"{node.name}.{method.name} has no docstring", PORTS)


def rooms_without_docstrings(path: Path, tree: ast.Module) -> Iterator[Breach]:
    """Packages that do not say what lives there."""
    sentences = re.findall(r"[.!?](?:\s|$)", ast.get_docstring(tree) or "")
    if len(sentences) < 2:
        yield Breach(path, 1, "the package's docstring has fewer than two sentences", ROOMS)


def breaches(path: Path) -> Iterator[Breach]:
    """Every breach in one file."""
    text = path.read_text()
    tree = ast.parse(text)
    inside = path.resolve().relative_to(ROOT)
    yield from banned_names(inside, tree)
    yield from constants_without_units(inside, tree, text.splitlines())
    if inside.parts[0] in PRODUCT:
        yield from hidden_signatures(inside, tree)
        if inside.name == "__init__.py":
            yield from rooms_without_docstrings(inside, tree)
    if inside.parts[:2] == ("application", "ports"):
        yield from ports_without_docstrings(inside, tree)


def files(paths: list[Path]) -> Iterator[Path]:
    """The Python files at or below these paths."""
    for path in paths:
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def main() -> int:
    """Print the breaches below the given paths, with a sentence for each rule that is broken."""
    paths = [Path(argument) for argument in sys.argv[1:]] or [ROOT / folder for folder in FOLDERS]
    rows = [breach for path in files(paths) for breach in breaches(path)]
    for rule in (NAMES, UNITS, SIGNATURES, PORTS, ROOMS):
        places = [breach for breach in rows if breach.rule == rule]
        if places:
            print(f"\n{rule}\n")
            print("\n".join(f"  {place}" for place in places))
    print(f"\n{len(rows)} in all." if rows else "Every word keeps the rules.")
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit(main())
