"""The history API shows an aggregate's attributes. `state_names.txt` has the names that clients know, by aggregate."""

from __future__ import annotations

from pathlib import Path

from interfaces.native.views import state
from tests.domain import test_engine, test_hypervisor, test_orphan, test_quota, test_request_key
from tests.support.stories import hosted_sessions, vm_accounts, vms, workshops, workspaces
from tests.support.story import Story

NAMES = Path(__file__).with_name("state_names.txt")
ENVELOPE = {"id", "version", "created_on", "modified_on"}
MODULES = (
    *(hosted_sessions, vm_accounts, vms, workshops, workspaces),
    *(test_engine, test_hypervisor, test_orphan, test_quota, test_request_key),
)


def test_clients_know_the_attributes_of_an_aggregate_under_the_names_of_version_0_1() -> None:
    expected = {kind: set(names.split()) for kind, _, names in (li.partition(": ") for li in NAMES.open())}
    stories = [story for module in MODULES for story in vars(module).values() if isinstance(story, Story)]
    names: dict[str, set[str]] = {}
    for story in stories:
        if aggregate := story.state:
            names.setdefault(type(aggregate).__name__, set()).update(state(aggregate).keys() - ENVELOPE)
    assert names == expected
