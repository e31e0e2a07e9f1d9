"""What the rows of hosted sessions and guests say."""

from __future__ import annotations

import pytest

from projections import guests, hosted_sessions
from tests.support.stories import hosted_sessions as stories
from tests.support.stories.hosted_sessions import AGAIN, HOSTED, JOINER, T5
from tests.support.stories.workspaces import ANNA, BOB
from tests.support.story import T0, Story


def test_a_session_is_listed_until_it_ends() -> None:
    row = stories.opened.row(hosted_sessions.evolve)
    assert (row.owner_id, row.alias, row.no_join, row.started_at) == (ANNA, "brave-otter-42", False, T0)
    assert stories.ended.row(hosted_sessions.evolve) is None
    assert stories.cleared.row(hosted_sessions.evolve) is None


def test_a_guest_is_shown_with_whose_session_it_is() -> None:
    row = stories.waiting.row(guests.evolve)
    assert (row.session_id, row.owner_id, row.user_id, row.joiner_id) == (HOSTED, ANNA, BOB, JOINER)
    assert (row.standing, row.asked_at, row.until) == ("waiting", T0, T5)
    assert stories.waiting_again.row(guests.evolve).joiner_id == AGAIN


@pytest.mark.parametrize(
    ("story", "standing"),
    [
        (stories.withdrawn, "withdrawn"),
        (stories.timed_out, "timed_out"),
        (stories.rejected, "rejected"),
        (stories.approved, "approved"),
        (stories.not_installed, "waiting"),
        (stories.installed, "installed"),
        (stories.revoked, "revoked"),
        (stories.removed, "removed"),
    ],
)
def test_a_row_says_what_the_aggregate_says(story: Story, standing: str) -> None:
    assert story.row(guests.evolve).standing == standing == story.state.status


def test_it_is_gone_with_its_session() -> None:
    assert stories.over.row(guests.evolve) is None
    assert stories.not_installed.row(guests.evolve).reason == "the name is taken"
