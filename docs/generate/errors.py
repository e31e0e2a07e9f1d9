"""errors.md: every kind of refusal, with its status, its code and its body in each contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from application.ports.errors import TooMany, Unavailable
from docs.generate.markdown import code, document, first_line, table
from domain.errors import Refused
from interfaces.app import CONTRACTS
from interfaces.http.contract import Contract
from interfaces.http.edge_rules import FOREIGN_HOST
from interfaces.http.errors import STATUS, Unauthenticated

INTRODUCTION = """
A refusal is one kind of error inside Tenure, and looks as each contract promises on its wire. Each has a status, a
sentence for people that says what happened and what to do next, and, where the contract has room for it, a word for
programs. No answer has a body of the framework's own: an unknown address, a method that an address does not take and
a body that cannot be read are refused in the contract's shape, too. The table shows what holds everywhere in a
contract; where its document prints another answer for one address, that address answers as printed.
"""
SENTENCES = """
A sentence has no capital at its start, no full stop at its end, and at most 500 characters. About a field it begins
with the field's path: `ttl_seconds: it must be a whole number, and not in quotes`. What cannot be printed is replaced
in it. Sentences that a contract's document prints are sent exactly as printed.
"""
HEADERS = """
- 401 carries `WWW-Authenticate: Bearer`.
- 405 carries `Allow`.
- 429 and 503 carry `Retry-After`, in seconds.
- Every answer carries `X-Request-Id`; the log has a line under the same id.
"""
SOCKETS = """
A WebSocket is refused in the handshake, with the status and the body that a request at the same address would get.
"""
SENTENCE = "…"


@dataclass(frozen=True)
class Kind:
    """A kind of refusal before a contract has shown it."""

    when: str
    status: int
    code: str


def sentence(kind: type[Exception]) -> str:
    """The first sentence of a docstring."""
    return first_line(kind.__doc__).partition(". ")[0].rstrip(".")


OTHERS = (
    Kind(sentence(Unauthenticated), 401, "unauthorized"),
    Kind("A field, a header or the body is not as it must be", 400, "invalid"),
    Kind("There is nothing at this address", 404, "http"),
    Kind("The address does not take this method", 405, "http"),
    Kind("The body is larger than the server takes", 413, "too_large"),
    Kind("The name in Host is none of this server's", FOREIGN_HOST.status, FOREIGN_HOST.code),
    Kind(sentence(TooMany), 429, "rate_limited"),
    Kind("An unforeseen error; the sentence names the id of the log line", 500, "internal"),
    Kind(sentence(Unavailable), 503, "unavailable"),
)


def page() -> str:
    kinds = [*refusals(Refused), *OTHERS]
    names = [contract.name for contract in CONTRACTS]
    statuses = [(k.when, code(k.code), *(str(shown_status(c, k)) for c in CONTRACTS)) for k in kinds]
    parts = [INTRODUCTION, "## Statuses", table(("when", "code", *names), statuses), "## Headers", HEADERS]
    parts += ["## Sentences", SENTENCES, "## WebSockets", SOCKETS]
    for contract in CONTRACTS:
        words = {word: k for k in reversed(kinds) if (word := shown_word(contract, k))}
        example = json.dumps(body(contract, kinds[0]), ensure_ascii=False)
        parts += [f"## Body: {contract.name}", f"The body is like {code(example)}."]
        parts += [table(("word", "status", "when"), rows(contract, words))]
    return document("Errors", *parts)


def refusals(kind: type[Refused]) -> Iterator[Kind]:
    """The kinds that domain and application have, each before those that are derived from it."""
    if statuses := [STATUS[base] for base in kind.__mro__ if base in STATUS]:
        yield Kind(sentence(kind), statuses[0], kind.code)
    for narrower in sorted(kind.__subclasses__(), key=lambda k: k.__name__):
        if narrower.code != kind.code:
            yield from refusals(narrower)


def shown_status(contract: Contract, kind: Kind) -> int:
    return contract.statuses.get(kind.status, kind.status)


def body(contract: Contract, kind: Kind) -> Any:
    return contract.render(shown_status(contract, kind), kind.code, SENTENCE)


def shown_word(contract: Contract, kind: Kind) -> str:
    """The word for programs in a body; empty where it has none."""
    return next((text for text in leaves(body(contract, kind)) if text != SENTENCE), "")


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, str):
        yield value


def rows(contract: Contract, words: dict[str, Kind]) -> Iterator[tuple[str, str, str]]:
    for word, kind in sorted(words.items()):
        yield code(word), str(shown_status(contract, kind)), kind.when
