"""Orphans are destroyed at the end of their grace, or when an administrator says so, and otherwise never."""

import pytest

from application.processes import PROCESSES
from tests.domain.test_orphan import GRACE, adopted, condemned, destroyed, waiting, with_grace, without_grace
from tests.support.story import T0


@pytest.mark.fault("F43")
def test_an_orphan_is_destroyed_when_its_grace_is_over_or_when_it_is_asked_for() -> None:
    assert with_grace.work(PROCESSES) == {"orphan.destroy": T0 + GRACE}
    assert condemned.work(PROCESSES) == {"orphan.destroy": T0}
    for story in (waiting, without_grace, adopted, destroyed):
        assert story.work(PROCESSES) == {}
