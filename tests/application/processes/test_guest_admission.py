"""What is to be done after somebody asked to join, and what came of it."""

from __future__ import annotations

import pytest

from application.processes import PROCESSES
from application.processes.guest_admission import react
from application.processes.work import Do, lane
from domain.guest import Guest
from tests.support.stories import hosted_sessions as stories
from tests.support.stories.hosted_sessions import T5
from tests.support.story import T0, Story


def test_who_waits_is_not_made_to_wait_for_ever() -> None:
    assert stories.waiting.work(PROCESSES) == {"guest.time_out": T5}
    assert stories.waiting_again.work(PROCESSES) == {"guest.time_out": T5}


def test_who_is_approved_is_installed_and_who_is_revoked_removed() -> None:
    assert stories.approved.work(PROCESSES) == {"guest.install": T0}
    assert stories.installed.work(PROCESSES) == {}
    assert stories.revoked.work(PROCESSES) == {"guest.remove": T0}
    at_once = stories.approved.given(Guest.Revoked, joiner_id=stories.JOINER, hosted_in="local")
    assert at_once.work(PROCESSES) == {"guest.remove": T0}


def test_who_cannot_be_installed_waits_on() -> None:
    assert stories.not_installed.work(PROCESSES) == {"guest.time_out": T5}


@pytest.mark.parametrize(
    "story", [stories.withdrawn, stories.timed_out, stories.rejected, stories.removed, stories.over]
)
def test_what_is_over_needs_nothing(story: Story) -> None:
    assert story.work(PROCESSES) == {}


def test_a_session_that_has_ended_is_cleared() -> None:
    assert stories.opened.work(PROCESSES) == {}
    assert stories.ended.work(PROCESSES) == {"hosted_session.clear": T0}
    assert stories.cleared.work(PROCESSES) == {}


def test_what_goes_to_the_machine_has_the_machines_lane() -> None:
    assert lane("guest.install") == lane("guest.remove") == "engine"
    (step,) = [step for step in react(stories.approved.events[-1]) if isinstance(step, Do)]
    assert step.region == "local"
    assert lane("guest.time_out") == lane("hosted_session.clear") == "log"
