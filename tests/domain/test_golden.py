"""Stored events load for ever. `golden.jsonl` has every kind of event as it was first stored.

A new kind of event is added with `python -m tests.domain.test_golden`, which never touches the lines that are there.
A test that fails here is mended with an upcast in the domain, not with another line.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import StoredEvent
from eventsourcing.utils import get_topic, resolve_topic

import domain
from application.moved_topics import register_moved_topics
from domain.aggregate import Aggregate
from tests.domain import test_engine, test_hypervisor, test_orphan, test_quota, test_request_key, test_work
from tests.support.stories import (
    hosted_sessions as hosting_stories,
)
from tests.support.stories import (
    vm_accounts as account_stories,
)
from tests.support.stories import (
    vms as vm_stories,
)
from tests.support.stories import (
    workshops as workshop_stories,
)
from tests.support.stories import (
    workspaces as stories,
)
from tests.support.story import SUBJECT, Story

GOLDEN = Path(__file__).with_name("golden.jsonl")
BASES = ("Event", "Created")  # every aggregate has its own of them
mapper: Any = Application().mapper
register_moved_topics()


def event_classes() -> Iterator[type]:
    """Every event class that can be stored."""
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and issubclass(kind, Aggregate) and not kind.__subclasses__():
                for name, event in vars(kind).items():
                    if isinstance(event, type) and (name not in BASES or says_more(kind, event)):
                        yield event


def says_more(kind: Any, event: Any) -> bool:
    """Whether a class named like a base has fields of its own, so that it is an event."""
    fields, common, envelope = (set(cls.__dataclass_fields__) for cls in (event, Aggregate.Created, kind.Event))
    return not fields <= common | envelope


def golden_states() -> dict[type, list[tuple[str, dict[str, Any]]]]:
    """By event class, each topic and state in the file: several where the payload has changed since 0.1."""
    states: dict[type, list[tuple[str, dict[str, Any]]]] = {}
    for line in map(json.loads, GOLDEN.read_text().splitlines()):
        states.setdefault(resolve_topic(line["topic"]), []).append((line["topic"], line["state"]))
    return states


def topic_of(event: Any) -> str:
    return str(get_topic(event))


@pytest.mark.parametrize("event", sorted(event_classes(), key=topic_of), ids=lambda e: e.__qualname__)
def test_what_was_stored_once_still_loads(event: type) -> None:
    states = golden_states().get(event, [])
    new = f"{event.__qualname__} is new: python -m tests.domain.test_golden"
    assert states, new
    for topic, state in states:
        loaded = mapper.to_domain_event(StoredEvent(SUBJECT, 2, topic, json.dumps(state).encode()))
        assert type(loaded) is event
        for field in dataclasses.fields(event):
            assert field.name in vars(loaded), f"{field.name} is not in old events: it needs an upcast"
        again = json.loads(mapper.to_stored_event(loaded).state)
        assert all(again[field] == value for field, value in state.items() if field != "class_version")
    assert again == states[-1][1], new


def test_every_kept_event_is_still_known() -> None:
    assert set(golden_states()) == set(event_classes())


def add_new() -> None:
    """Append a line for every event class whose present payload is not in the file, with a sample from the stories."""
    objects = [*vars(stories).values(), *vars(hosting_stories).values(), *vars(workshop_stories).values()]
    objects += [*vars(vm_stories).values(), *vars(account_stories).values()]
    objects += [*vars(test_orphan).values(), *vars(test_request_key).values(), *vars(test_hypervisor).values()]
    objects += vars(test_quota).values()
    objects += vars(test_work).values()
    objects += [*vars(test_engine).values()]
    samples = {type(event): event for story in objects if isinstance(story, Story) for event in story.events}
    have = golden_states() if GOLDEN.exists() else {}
    with GOLDEN.open("a") as file:
        for event in sorted(event_classes(), key=get_topic):
            if event in samples:
                stored = mapper.to_stored_event(samples[event])
                state = json.loads(stored.state)
                if all(old.keys() != state.keys() for _, old in have.get(event, [])):
                    file.write(json.dumps({"topic": stored.topic, "state": state}) + "\n")


if __name__ == "__main__":
    add_new()
