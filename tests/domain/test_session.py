"""A shared terminal, as it is found, changes and is lost."""

from datetime import timedelta

from application.access import Actor
from application.sessions import may_claim, may_view
from domain.role import Role
from domain.session import Session
from projections import ownership, sessions, trail
from tests.support.stories.workspaces import (
    ANNA,
    BOB,
    OPERATION,
    OWNED,
    SESSION,
    SNAPSHOT,
    back,
    grouped,
    lost,
    observed,
    observed_inside,
    renamed,
    resized,
)
from tests.support.story import SUBJECT, T0


def test_it_is_found_once() -> None:
    observed.when(Session.observe, "main", 1, T0).nothing()


def test_what_has_changed_is_said() -> None:
    observed.when(Session.observe, "dev", 1, T0).then(Session.Renamed, name="dev")
    observed.when(Session.observe, "main", 2, T0).then(Session.Resized, windows=2)
    both = observed.when(Session.observe, "dev", 2, T0)
    both.then_all((Session.Renamed, {"name": "dev"}), (Session.Resized, {"windows": 2}))


def test_it_is_closed_once_and_may_come_back() -> None:
    observed.when(Session.close, T0).then(Session.Closed)
    lost.when(Session.close, T0).nothing()
    lost.when(Session.observe, "dev", 2, T0).then(Session.FoundAgain, name="dev", windows=2)
    back.when(Session.observe, "main", 1, T0).nothing()


def test_its_lead_in_a_group_is_recorded_once_and_is_never_itself() -> None:
    observed.when(Session.group, SNAPSHOT, T0).then(Session.Grouped, lead_id=SNAPSHOT)
    grouped.when(Session.group, SNAPSHOT, T0).nothing()
    observed.when(Session.group, SUBJECT, T0).nothing()


def test_one_session_of_one_server_is_one_stream() -> None:
    assert Session.id_of("host", 7, "$3", T0) == Session.id_of("host", 7, "$3", T0)
    later, elsewhere = Session.id_of("host", 7, "$3", T0 + timedelta(seconds=1)), Session.id_of("other", 7, "$3", T0)
    other, next_server = Session.id_of("host", 7, "$4", T0), Session.id_of("host", 8, "$3", T0)
    assert len({Session.id_of("host", 7, "$3", T0), later, elsewhere, other, next_server}) == 5


def test_its_row() -> None:
    row = observed.row(sessions.evolve)
    assert observed_inside.row(sessions.evolve) == sessions.SessionRow(SUBJECT, **OWNED)
    assert row == sessions.SessionRow(SUBJECT, **SESSION)
    assert renamed.row(sessions.evolve).name == "dev"
    assert resized.row(sessions.evolve).windows == 2
    assert grouped.row(sessions.evolve).lead_id == SNAPSHOT
    assert lost.row(sessions.evolve).closed
    assert back.row(sessions.evolve) == row


def test_its_history_is_everybodys_unless_it_is_in_somebodys_workspace() -> None:
    assert observed.row(ownership.evolve) is None
    assert observed_inside.row(ownership.evolve) == ownership.OwnershipRow(SUBJECT, ANNA)
    (event,) = observed.events
    assert trail.entry_of(event, 1, None, None).shared and not trail.entry_of(event, 1, ANNA, None).shared
    operator, holder = Actor(BOB, "", "", role=Role.OPERATOR), Actor(ANNA, "", "", role=Role.VIEWER)
    admin = Actor(OPERATION, "", "", role=Role.ADMIN)
    assert [may_view(actor, ANNA) for actor in (operator, holder, admin)] == [False, True, True]
    assert [may_claim(actor, ANNA) for actor in (operator, holder, admin)] == [False, True, True]
    assert [may_claim(actor, None) for actor in (operator, holder, admin)] == [True, False, True]
    assert sessions.owner_filter(operator) == BOB and sessions.owner_filter(admin) is None
