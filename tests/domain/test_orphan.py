"""Something on an engine that the log does not hold waits for its grace, or for an administrator."""

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Conflict, NotFound
from domain.orphan import Orphan
from tests.support.stories.workspaces import ANNA, OPERATION
from tests.support.story import SUBJECT, T0, Story

GRACE = timedelta(days=1)
FOUND: Any = {"workspace_id": OPERATION, "provider": "docker", "provider_id": "tenure-1", "engine_id": "e1"}
FOUND |= {"region": "local", "kind": "machine"}
with_grace = Story(Orphan).given(Orphan.Found, **FOUND, destroy_at=T0 + GRACE)
without_grace = with_grace.given(Orphan.Held)
waiting = Story(Orphan).given(Orphan.Found, **FOUND, destroy_at=None)
network = Story(Orphan).given(Orphan.Found, **FOUND | {"kind": "network"}, destroy_at=None)
condemned = waiting.given(Orphan.DestroyRequested, region="local")
adopted = waiting.given(Orphan.Adopted, holder_id=ANNA)
destroyed = waiting.given(Orphan.Destroyed)


def test_it_is_destroyed_once() -> None:
    with_grace.when(Orphan.destroyed, T0).then(Orphan.Destroyed)
    destroyed.when(Orphan.destroyed, T0).nothing()


def test_one_machine_is_one_orphan() -> None:
    assert Orphan.id_of(SUBJECT, "e1") == Orphan.id_of(SUBJECT, "e1") != Orphan.id_of(SUBJECT, "e2")


def test_a_grace_that_must_not_end_is_taken_back() -> None:
    with_grace.when(Orphan.hold, T0).then(Orphan.Held)
    for story in (without_grace, waiting, condemned, adopted, destroyed):
        story.when(Orphan.hold, T0).nothing()


def test_an_administrator_has_it_destroyed_or_keeps_it() -> None:
    waiting.when(Orphan.request_destruction, T0).then(Orphan.DestroyRequested, region="local")
    condemned.when(Orphan.request_destruction, T0).nothing()
    without_grace.when(Orphan.adopt, ANNA, T0).then(Orphan.Adopted, holder_id=ANNA)
    condemned.when(Orphan.adopt, ANNA, T0).refused(Conflict, "it is being destroyed")
    network.when(Orphan.adopt, ANNA, T0).refused(Conflict, "only a machine")


@pytest.mark.parametrize("story", [adopted, destroyed])
def test_a_settled_one_is_no_more(story: Story) -> None:
    story.when(Orphan.request_destruction, T0).refused(NotFound)
    story.when(Orphan.adopt, ANNA, T0).refused(NotFound)
