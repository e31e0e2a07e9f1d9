"""Rules of the domain that no linter sees."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from eventsourcing.domain import CommandMethodDecorator

import domain
from application.access import NEEDS
from domain.aggregate import Aggregate

MODULES = [importlib.import_module(info.name) for info in pkgutil.walk_packages(domain.__path__, "domain.")]
AGGREGATES = sorted(
    {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Aggregate) and not kind.__subclasses__()
    },
    key=lambda kind: kind.__name__,
)


def mutators(kind: type) -> dict[str, CommandMethodDecorator]:
    return {n: m for n, m in vars(kind).items() if isinstance(m, CommandMethodDecorator)}


@pytest.mark.parametrize("kind", AGGREGATES, ids=lambda kind: kind.__name__)
def test_what_is_applied_is_private_and_never_refuses(kind: type) -> None:
    assert mutators(kind)
    for name, mutator in mutators(kind).items():
        assert name.startswith("_"), f"{kind.__name__}.{name}: decide in public, apply in private"
        source = inspect.getsource(mutator.decorated_func)
        assert "raise" not in source, f"{kind.__name__}.{name} may refuse on replay"


@pytest.mark.parametrize("kind", AGGREGATES, ids=lambda kind: kind.__name__)
def test_events_are_named_not_inferred(kind: type) -> None:
    for name, mutator in mutators(kind).items():
        assert mutator.given_event_cls is not None, f"{kind.__name__}.{name}: name its event class"


def test_every_action_that_is_asked_for_is_in_the_table() -> None:
    used = set()
    for folder in ("application", "interfaces", "projections"):
        for path in Path(folder).rglob("*.py"):
            text = path.read_text()
            used |= {action for action in NEEDS if f'"{action}"' in text and path.name != "access.py"}
    assert used == set(NEEDS), "an action that nobody asks for"
