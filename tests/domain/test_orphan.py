"""A machine that nobody holds."""

from domain.orphan import Orphan
from tests.support.stories.workspaces import OPERATION
from tests.support.story import SUBJECT, T0, Story

orphaned = Story(Orphan).given(
    Orphan.Found, workspace_id=OPERATION, provider="docker", provider_id="tenure-1", engine_id="e1", region="local"
)
destroyed = orphaned.given(Orphan.Destroyed)


def test_it_is_destroyed_once() -> None:
    orphaned.when(Orphan.destroyed, T0).then(Orphan.Destroyed)
    destroyed.when(Orphan.destroyed, T0).nothing()


def test_one_machine_is_one_orphan() -> None:
    assert Orphan.id_of(SUBJECT, "e1") == Orphan.id_of(SUBJECT, "e1") != Orphan.id_of(SUBJECT, "e2")
