"""events.md: every event, what it carries, and the work that follows from it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any
from uuid import UUID

import domain
from application.processes import PROCESSES
from application.processes.work import Do, Drop, Park, Retry, Step
from docs.generate.markdown import code, document, prose, table
from domain.aggregate import Aggregate
from projections.trail import ENVELOPE_FIELDS, kind_of

INTRODUCTION = """
The log holds these events and nothing else. The trail and the streams call an event `aggregate.what_happened`; the
stored topic names its class. An event that was stored once is loaded for ever: a changed payload has a higher version,
and what is missing in older ones is filled in when they are loaded.

Every event also carries what the table below lists. Payloads name no person: names of people, e-mail and network
addresses, hashes and public keys are rows outside the log, under the ids that events carry.

Below an event stands what the processes make of it: work that is to be done, now or at a time, and work that is over.
"""
COMMON = (
    ("`originator_id`", "`UUID`", "the aggregate that it happened to"),
    ("`originator_version`", "`int`", "its number among the events of that aggregate, from 1"),
    ("`at`", "`datetime`", "when it happened"),
    ("`by`", "`UUID` or none", "the user who asked; none: Tenure itself"),
    ("`request_id`", "`str`", "the request that led to it, as the log lines call it"),
    ("`caused_by`", "`int` or none", "the position of the event that led to it"),
)
DECISIONS: dict[type[Step], str] = {
    Park: "park the command",
    Retry: "do the command again, as if it were new",
    Drop: "the command is over",
}
NOW = datetime(2030, 1, 1, tzinfo=UTC)  # when the events happen whose consequences are asked for


def page() -> str:
    parts = [INTRODUCTION, table(("field", "type", "meaning"), COMMON)]
    for aggregate in aggregates():
        parts += [f"## {aggregate.__name__}", prose(documented(aggregate))]
        for event in events_of(aggregate):
            payload = payload_table(list(fields(event)))
            parts += [
                f"### {code(kind_of(object.__new__(event)))}",
                prose(documented(event)),
                payload,
                consequences(event),
            ]
    return document("Events", *parts)


def aggregates() -> list[type[Aggregate]]:
    """Every kind of aggregate that the domain defines, in the order of the alphabet."""
    modules = [import_module(module.name) for module in walk_packages(domain.__path__, "domain.")]
    kinds = {kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)}
    leaves = [kind for kind in kinds if issubclass(kind, Aggregate) and kind.__module__ != "domain.aggregate"]
    return sorted((kind for kind in leaves if not kind.__subclasses__()), key=lambda kind: kind.__name__)


def events_of(aggregate: type[Any]) -> list[type[Any]]:
    """The events that the source of an aggregate declares, its own and those of what it derives from."""
    declared = [
        node.name
        for kind in written_in(aggregate)
        for node in syntax(kind).body
        if isinstance(node, ast.ClassDef) and node.name != "Event"
    ]
    return [getattr(aggregate, name) for name in dict.fromkeys(declared)]


def documented(kind: type[Any]) -> str:
    """The docstring of a class as its source has it: the library derives classes, and dataclasses write their own."""
    return next((text for written in written_in(kind) if (text := ast.get_docstring(syntax(written)))), "")


def written_in(kind: type[Any]) -> list[type[Any]]:
    """The classes of the domain that a class is derived from and that stand in a source, the nearest first."""
    kinds = [k for k in kind.__mro__ if k.__module__.startswith("domain.") and k.__module__ != "domain.aggregate"]
    return [k for k in kinds if k.__qualname__ in sources(k.__module__)]


def syntax(kind: type[Any]) -> ast.ClassDef:
    return sources(kind.__module__)[kind.__qualname__]


@cache
def sources(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module, also those within classes, by their qualified name."""
    tree = ast.parse(inspect.getsource(import_module(module)))
    outer = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    inner = {
        f"{name}.{node.name}": node
        for name, kind in outer.items()
        for node in kind.body
        if isinstance(node, ast.ClassDef)
    }
    return outer | inner


# -- the payload ------------------------------------------------------------------


def payload_table(rows: list[tuple[str, str, str]]) -> str:
    """The fields of an event; without the last column where names and types say it all."""
    explained = any(meaning for _, _, meaning in rows)
    return (
        table(("field", "type", "meaning"), rows) if explained else table(("field", "type"), (row[:2] for row in rows))
    )


def fields(event: type[Any]) -> Iterator[tuple[str, str, str]]:
    notes = comments(event)
    for field in payload_of(event):
        yield code(field.name), code(str(field.type)), notes.get(field.name, "")


def payload_of(event: type[Any]) -> list[Any]:
    return [field for field in dataclasses.fields(event) if field.name not in ENVELOPE_FIELDS]


def comments(event: type[Any]) -> dict[str, str]:
    """What stands behind a field on its line, by the field's name."""
    notes = {}
    for kind in written_in(event):
        lines = inspect.getsource(import_module(kind.__module__)).splitlines()
        for node in syntax(kind).body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                notes[node.target.id] = lines[node.lineno - 1].partition("  # ")[2]
    return notes


# -- what follows -----------------------------------------------------------------


def consequences(event: type[Any]) -> str:
    """What the processes order on this event, and what they call off, as a list."""
    lines = []
    for react in PROCESSES:
        name = react.__module__.rpartition(".")[2]
        steps = [step + condition for step, condition in reactions(react, event)]
        if steps:
            lines.append(f"- process `{name}`: {'; '.join(steps)}")
    return "\n".join(lines)


def reactions(react: Callable[[Any], Iterator[Step]], event: type[Any]) -> Iterator[tuple[str, str]]:
    """Each step of a process, with the condition that it depends on. Found by trying every kind of payload."""
    samples = list(variants(event))
    samples_by_step: dict[str, list[Any]] = {}
    for sample in samples:
        for step in react(sample):
            samples_by_step.setdefault(described(step, sample), []).append(sample)
    for words, subset in samples_by_step.items():
        yield words, "" if len(subset) == len(samples) else condition(event, samples, subset)


def described(step: Step, sample: Any) -> str:
    if isinstance(step, Park | Retry | Drop):
        return DECISIONS[type(step)]
    if not isinstance(step, Do):
        return f"`{step.command}` is over"
    if step.at is None:
        return f"do `{step.command}`"
    times = {name: value for name, value in vars(sample).items() if isinstance(value, datetime) and name != "at"}
    for name, value in times.items():
        if step.at == value:
            return f"do `{step.command}` at `{name}`"
        if timedelta(0) < value - step.at < timedelta(days=1):
            return f"do `{step.command}` before `{name}`"
    seconds = int((step.at - NOW).total_seconds())
    later = f"{seconds // 60} minutes" if seconds >= 60 else f"{seconds} seconds"
    return f"do `{step.command}` {later} later"


def condition(event: type[Any], samples: list[Any], subset: list[Any]) -> str:
    """The one field that decides whether a step is taken."""
    for field in payload_of(event):
        for truth, words in ((True, "if"), (False, "if no")):
            fitting = [sample for sample in samples if bool(getattr(sample, field.name)) is truth]
            if [*map(id, subset)] == [*map(id, fitting)]:
                return f" ({words} `{field.name}`)"
    return " (in some cases)"


def variants(event: type[Any]) -> Iterator[Any]:
    """Events of this kind: with and without each value that may be missing, and with each truth."""
    names = [field.name for field in payload_of(event)]
    options = [values(str(field.type), nth) for nth, field in enumerate(payload_of(event), 1)]
    envelope = dict.fromkeys(ENVELOPE_FIELDS) | {"originator_id": UUID(int=0), "at": NOW}
    for chosen in itertools.product(*options):
        sample = object.__new__(event)
        vars(sample).update(envelope, **dict(zip(names, chosen, strict=True)))
        yield sample


def values(annotation: str, nth: int) -> list[Any]:
    kind, _, missing = annotation.partition(" | ")
    some = {"UUID": UUID(int=nth), "datetime": NOW + timedelta(days=1000 * nth), "int": nth, "str": "text"}
    options = [True, False] if kind == "bool" else [some.get(kind, {"text": "text"})]
    return [*options, None] if missing == "None" else options
