"""What is to be done after something happened to a workshop."""

from __future__ import annotations

from datetime import timedelta

import pytest

from application.processes import PROCESSES
from application.processes.work import lane
from tests.support.stories import workshops as stories
from tests.support.stories.workshops import DAY
from tests.support.stories.workspaces import HOUR
from tests.support.story import T0, Story

WARNING = timedelta(minutes=5)
TERM = {"workshop.warn": T0 + DAY - WARNING, "workshop.expire": T0 + DAY}


@pytest.mark.parametrize("story", [stories.created, stories.at_rest])
def test_what_does_not_run_needs_nothing(story: Story) -> None:
    assert story.work(PROCESSES) == {}


def test_a_start_requests_machines_and_ends_when_its_term_is_over() -> None:
    assert stories.start_asked.work(PROCESSES) == {"workshop.request_machines": T0, **TERM}
    assert stories.seats_asked.work(PROCESSES) == TERM
    assert stories.open_.work(PROCESSES) == TERM


def test_a_seat_that_fails_is_tried_again_a_moment_later() -> None:
    a_moment_later = T0 + timedelta(seconds=1)
    assert stories.one_failed.work(PROCESSES) == {"workshop.request_machines": a_moment_later, **TERM}
    assert stories.again.work(PROCESSES) == TERM


def test_a_seat_that_was_ended_gets_another_machine() -> None:
    assert stories.seat_ended.work(PROCESSES) == {"workshop.request_machines": T0, **TERM}


@pytest.mark.parametrize(
    "story", [stories.stop_asked, stories.over, stories.taken_away, stories.not_started, stories.one_gone]
)
def test_what_ends_is_taken_back_and_nothing_else(story: Story) -> None:
    assert story.work(PROCESSES).keys() == {"workshop.take_back"}


def test_when_no_machine_is_left_the_network_is_cleared() -> None:
    assert stories.all_gone.work(PROCESSES) == {"workshop.clear": T0}
    assert lane("workshop.clear") == "engine"


def test_an_extension_and_a_warning() -> None:
    later = {"workshop.warn": T0 + DAY + HOUR - WARNING, "workshop.expire": T0 + DAY + HOUR}
    assert stories.prolonged.work(PROCESSES) == later
    assert stories.about_to_end.work(PROCESSES) == {"workshop.expire": T0 + DAY}
