"""Small changes of a line, as programmers make them by mistake: another comparison or bound, a clause or a call less.

Text, log lines, annotations and constants of modules stay: no test should have to notice those.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
LOGGERS = ("log.", "logger.")


@dataclass(frozen=True)
class Mutant:
    """A file with one change. `start` and `end` are offsets in its text."""

    path: Path
    line: int
    start: int
    end: int
    new: str
    change: str

    def apply(self, source: str) -> str:
        return source[: self.start] + self.new + source[self.end :]

    def describe(self, source: str) -> str:
        old = " ".join(source[self.start : self.end].split())
        return f"{self.path}:{self.line}: {self.change}: `{old}` is now `{self.new or 'nothing'}`"


def mutants_of(path: Path, source: str) -> Iterator[Mutant]:
    """Every small change of the functions in a file."""
    tree = ast.parse(source)
    lines = Offsets(source)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in own_nodes(function):
                for span, new, change in changes(node, source, lines):
                    yield Mutant(path, node.lineno, *span, new, change)


def own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr | ast.stmt]:
    """The statements and expressions of a function's body, without nested functions, annotations and log lines."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.JoinedStr):
            continue
        if isinstance(node, ast.Expr) and (is_text(node.value) or ast.unparse(node).startswith(LOGGERS)):
            continue
        if isinstance(node, ast.expr | ast.stmt):
            yield node
        skipped = node.annotation if isinstance(node, ast.AnnAssign) else None
        waiting += [child for child in ast.iter_child_nodes(node) if child is not skipped]


def changes(node: ast.expr | ast.stmt, source: str, lines: Offsets) -> Iterator[tuple[tuple[int, int], str, str]]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            old, new = COMPARISONS[type(operator)]
            between = (lines.end(left), lines.start(right))
            if source[slice(*between)].strip() == old:
                yield between, f" {new} ", "another comparison"
        case ast.BoolOp(op=operator, values=values):
            for dropped in values:
                remaining = [value for value in values if value is not dropped]
                rest: ast.expr = remaining[0] if len(remaining) == 1 else ast.BoolOp(operator, remaining)
                yield lines.span(node), f"({ast.unparse(rest)})", f"without `{ast.unparse(dropped)}`"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield lines.span(node), f"({ast.unparse(operand)})", "not is dropped"
        case ast.Constant(value=bool(value)):
            yield lines.span(node), str(not value), "the other truth"
        case ast.Constant(value=int(value)):
            yield lines.span(node), str(value + 1), "another number"
        case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom()):
            yield lines.span(node), "pass", "a call is dropped"
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield lines.span(test), f"(not ({source[slice(*lines.span(test))]}))", "the other way"
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield lines.span(value), "None", "nothing is returned"
        case ast.AugAssign(target=target, value=value):
            yield lines.span(node), f"{ast.unparse(target)} = {ast.unparse(value)}", "set rather than changed"


class Offsets:
    """Where nodes begin and end in a text. Columns of `ast` count bytes."""

    def __init__(self, source: str) -> None:
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return self.start(node), self.end(node)

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
