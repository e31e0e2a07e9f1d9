"""contracts.md: the APIs that Tenure serves, what each promises line by line, and where Tenure deviates."""

from __future__ import annotations

from importlib import import_module

from docs.generate.markdown import code, document, first_line, table
from interfaces.app import CONTRACTS
from interfaces.http.contract import Contract
from tests.contracts.lines import Line, lines, shown_by

INTRODUCTION = """
Tenure serves five APIs that existed before it, each where its own document puts it, and one of its own. Clients that
were written for those systems work unchanged. What the documents promise is listed here line by line, in Tenure's own
words, with the number of tests that show each line; `make contracts` prints the tests. Where Tenure keeps a promise in
another way, the line says how.

[Addresses](http.md) lists every route, [Errors](errors.md) every refusal.
"""


def page() -> str:
    parts = [INTRODUCTION]
    tests = shown_by()
    for contract in CONTRACTS:
        parts += [f"## {contract.name}", first_line(import_module(package(contract)).__doc__), addresses(contract)]
        parts += [deviations(contract)]
        promised = [line for line in lines().values() if f"interfaces.{line.contract}" == package(contract)]
        parts += [table(("line", "promise", "tests"), [row(line, len(tests.get(line.name, ()))) for line in promised])]
    return document("Contracts", *parts)


def package(contract: Contract) -> str:
    return f"interfaces.{contract.name.replace('-', '_')}"


def addresses(contract: Contract) -> str:
    prefixes = ", ".join(code(prefix) for prefix in contract.prefixes if prefix)
    return f"Below {prefixes}." if prefixes else "At all other addresses."


def deviations(contract: Contract) -> str:
    if not contract.deviations:
        return ""
    return "Deviations from its document:\n\n" + "\n".join(f"- {sentence}" for sentence in contract.deviations)


def row(line: Line, tests: int) -> tuple[str, str, str]:
    promise = escaped(line.says)
    return line.name, f"{promise} *Deviation: {escaped(line.deviation)}*" if line.deviation else promise, str(tests)


def escaped(text: str) -> str:
    """Text without marks that Markdown would read as something else."""
    return "".join(f"\\{mark}" if mark in "\\`*[]<>" else mark for mark in text)
