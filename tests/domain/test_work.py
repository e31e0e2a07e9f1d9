"""Work that failed too often: parked, tried again by hand, dropped."""

from __future__ import annotations

from uuid import UUID

import pytest

from domain.errors import Conflict
from domain.work import Work
from tests.support.stories.workspaces import ANNA, OPERATION
from tests.support.story import SUBJECT, T0, Story

WHAT = {"command": "workspace.provision", "subject": ANNA}
FAILED = {"attempts": 20, "error": "ValueError"}

parked = Story(Work).given(Work.Parked, **WHAT, **FAILED)
retried = parked.given(Work.Retried, **WHAT)
parked_again = retried.given(Work.ParkedAgain, **WHAT, **FAILED)
dropped = parked_again.given(Work.Dropped, **WHAT)


def test_it_is_parked_as_often_as_it_fails() -> None:
    Story(Work).when(Work, id=SUBJECT, at=T0, **WHAT, **FAILED).then(Work.Parked, **WHAT, **FAILED)
    retried.when(Work.park_again, 20, "ValueError", T0).then(Work.ParkedAgain, **WHAT, **FAILED)
    assert parked_again.state.parked


@pytest.mark.parametrize("story", [parked, parked_again])
def test_what_is_parked_can_be_tried_again_or_dropped(story: Story) -> None:
    story.when(Work.retry, T0).then(Work.Retried, **WHAT)
    story.when(Work.drop, T0).then(Work.Dropped, **WHAT)


@pytest.mark.parametrize("story", [retried, dropped])
def test_what_is_not_parked_cannot(story: Story) -> None:
    story.when(Work.retry, T0).refused(Conflict, "workspace.provision is not parked any more")
    story.when(Work.drop, T0).refused(Conflict, "workspace.provision is not parked any more")


def test_the_same_work_has_the_same_id() -> None:
    assert Work.id_of("a", ANNA) == Work.id_of("a", UUID(str(ANNA)))
    assert len({Work.id_of("a", ANNA), Work.id_of("b", ANNA), Work.id_of("a", OPERATION)}) == 3
