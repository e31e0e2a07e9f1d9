"""What is to be done after people and invites came and went."""

from application.processes import PROCESSES
from tests.support.stories.workspaces import T7, accepted, forgotten, invited, over, promoted, removed, revoked
from tests.support.story import T0


def test_an_invite_expires_when_it_is_due_however_often_it_was_accepted() -> None:
    assert invited.work(PROCESSES) == {"invite.expire": T7}
    assert accepted.work(PROCESSES) == {"invite.expire": T7}


def test_what_is_over_or_revoked_expires_no_more() -> None:
    assert over.work(PROCESSES) == {}
    assert revoked.work(PROCESSES) == {}


def test_who_is_removed_is_forgotten_once() -> None:
    assert promoted.work(PROCESSES) == {}
    assert removed.work(PROCESSES) == {"user.forget": T0}
    assert forgotten.work(PROCESSES) == {}
