"""What a hosted session is, and when its alias is free."""

from __future__ import annotations

from domain.errors import Conflict
from domain.hosted_session import HostedSession, JoiningForbidden
from domain.unique_name import Alias
from tests.support.stories.hosted_sessions import (
    HOSTED,
    cleared,
    closed_to_all,
    ended,
    freed_alias,
    opened,
    retaken_alias,
    taken_alias,
)
from tests.support.stories.workspaces import SNAPSHOT
from tests.support.story import T0


def test_it_ends_once() -> None:
    opened.when(HostedSession.end, "it was deleted", T0).then(HostedSession.Ended, reason="it was deleted")
    ended.when(HostedSession.end, "its term was over", T0).nothing()


def test_it_is_cleared_once_and_after_its_end() -> None:
    opened.when(HostedSession.clear, T0).nothing()
    ended.when(HostedSession.clear, T0).then(HostedSession.Cleared)
    cleared.when(HostedSession.clear, T0).nothing()


def test_its_owner_may_forbid_to_join() -> None:
    opened.when(HostedSession.require_joinable).nothing()
    closed_to_all.when(HostedSession.require_joinable).refused(JoiningForbidden)


def test_an_alias_is_one_sessions_at_a_time() -> None:
    taken_alias.when(Alias.take, SNAPSHOT, T0).refused(Conflict)
    taken_alias.when(Alias.take, HOSTED, T0).nothing()
    freed_alias.when(Alias.take, SNAPSHOT, T0).then(Alias.TakenAgain, session_id=SNAPSHOT)


def test_an_alias_is_freed_by_who_has_it() -> None:
    taken_alias.when(Alias.free, HOSTED, T0).then(Alias.Freed)
    retaken_alias.when(Alias.free, HOSTED, T0).nothing()
    freed_alias.when(Alias.free, HOSTED, T0).nothing()


def test_an_alias_is_the_same_in_any_case() -> None:
    assert Alias.id_of("Brave-Otter-42") == Alias.id_of("brave-otter-42") != Alias.id_of("brave-otter-43")
