"""A workshop: started and stopped whole, its seats taken one by one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from domain.errors import Invalid, NotFound
from domain.seat import NoSeats, NoSuchSession, parse_seat
from domain.unique_name import Code
from domain.workshop import Workshop
from domain.workshop_status import AlreadyRunning, NotRunning, Status
from tests.support.stories import workshops as stories
from tests.support.stories.workshops import DAY, FACTS, LENA, MAX, machine
from tests.support.stories.workspaces import ANNA, HOUR, LEAD
from tests.support.story import SUBJECT, T0, YEAR, Story

NINA = UUID("00000000-0000-4000-8000-0000000000c3")
STOPPED = (stories.created, stories.at_rest)


def test_it_is_created_with_a_number_that_its_id_follows_from() -> None:
    workshop = Workshop.create(**FACTS, seats=2, now=T0)  # type: ignore[arg-type]
    assert (
        workshop.id == Workshop.id_of("ws-abc234") and workshop.status == "created" and list(workshop.seats) == [1, 2]
    )


@pytest.mark.parametrize("seats", [0, 11, -1])
def test_it_has_one_to_ten_seats(seats: int) -> None:
    with pytest.raises(Invalid, match="1 to 10"):
        Workshop.create(**FACTS, seats=seats, now=T0)  # type: ignore[arg-type]


@pytest.mark.parametrize("story", STOPPED)
def test_it_is_started_for_a_term(story: Story) -> None:
    story.when(Workshop.start, DAY, T0).then_all(
        (Workshop.StartRequested, {"expires_at": T0 + DAY, "warns_at": T0 + DAY - LEAD})
    )


@pytest.mark.fault("F38")
def test_its_start_and_its_extension_say_when_its_owner_is_warned() -> None:
    started = {"expires_at": T0 + DAY, "warns_at": T0 + DAY - HOUR}
    stories.created.when(Workshop.start, DAY, T0, HOUR).then_all((Workshop.StartRequested, started))
    prolonged = {"expires_at": T0 + DAY + HOUR, "warns_at": T0 + DAY}
    stories.open_.when(Workshop.extend, 3600, YEAR, T0, HOUR).then_all((Workshop.Extended, prolonged))


@pytest.mark.parametrize(
    "story", [stories.start_asked, stories.seats_asked, stories.open_, stories.stop_asked, stories.over]
)
def test_it_is_not_started_twice(story: Story) -> None:
    story.when(Workshop.start, DAY, T0).refused(AlreadyRunning)


def test_each_seat_is_given_a_machine() -> None:
    requested = [(Workshop.SeatRequested, {"seat": n, "machine_id": machine(n, n)}) for n in (1, 2)]
    stories.start_asked.when(Workshop.request_machines, T0).then_all(*requested)
    stories.seats_asked.when(Workshop.request_machines, T0).nothing()


def test_it_runs_when_every_seat_is_ready() -> None:
    one, two = machine(1, 1), machine(2, 2)
    ready = (Workshop.SeatReady, {"seat": 1, "machine_id": one})
    stories.seats_asked.when(Workshop.machine_ready, one, T0).then_all(ready)
    stories.one_ready.when(Workshop.machine_ready, one, T0).nothing()
    last = (Workshop.SeatReady, {"seat": 2, "machine_id": two})
    stories.one_ready.when(Workshop.machine_ready, two, T0).then_all(last, (Workshop.Started, {}))


def test_a_seat_that_fails_is_given_another_machine() -> None:
    failed = {"seat": 2, "machine_id": machine(2, 2), "reason": "no image"}
    stories.one_ready.when(Workshop.machine_failed, machine(2, 2), "no image", T0).then_all(
        (Workshop.SeatFailed, failed)
    )
    another = {"seat": 2, "machine_id": machine(2, 3)}
    stories.one_failed.when(Workshop.request_machines, T0).then_all((Workshop.SeatRequested, another))
    stories.one_failed.when(Workshop.machine_ready, machine(2, 2), T0).nothing()


def test_a_start_in_which_one_seat_fails_again_and_again_says_which() -> None:
    failed = {"seat": 2, "reason": "no image"}
    stories.last_try.when(Workshop.machine_failed, machine(2, 4), "no image", T0).then_all(
        (Workshop.SeatFailed, {"machine_id": machine(2, 4), **failed}), (Workshop.StartFailed, failed)
    )
    workshop = stories.not_started.state
    assert (workshop.status, workshop.error) == (Status.STOPPING, "seat 2: no image")
    stories.not_started.when(Workshop.request_machines, T0).nothing()
    stories.not_started.when(Workshop.machine_ready, machine(1, 1), T0).nothing()


def test_it_can_be_started_again_and_says_no_more_what_failed() -> None:
    cleared = stories.not_started
    for seat, nth in ((1, 1), (2, 2), (2, 3), (2, 4)):
        cleared = stories.with_seat(cleared, Workshop.SeatCleared, seat, nth)
    stopped = cleared.given(Workshop.Emptied).given(Workshop.Stopped)
    assert (stopped.state.status, stopped.state.error) == (Status.STOPPED, "seat 2: no image")
    assert stopped.given(Workshop.StartRequested, expires_at=T0 + DAY, warns_at=T0 + DAY - LEAD).state.error is None


def test_a_stop_is_over_when_no_machine_is_left() -> None:
    stories.joined.when(Workshop.stop, T0).then_all((Workshop.StopRequested, {}))
    stories.stop_asked.when(Workshop.stopped, T0).nothing()
    cleared = (Workshop.SeatCleared, {"seat": 2, "machine_id": machine(2, 2)})
    stories.one_gone.when(Workshop.machine_gone, machine(2, 2), T0).then_all(cleared, (Workshop.Emptied, {}))
    stories.one_gone.when(Workshop.machine_gone, machine(1, 1), T0).nothing()
    stories.all_gone.when(Workshop.stopped, T0).then_all((Workshop.Stopped, {}))
    stories.at_rest.when(Workshop.stopped, T0).nothing()


def test_a_machine_of_before_is_none_of_the_next_start() -> None:
    assert stories.once_more.state.seats[1].learner_id is None
    stories.once_more.when(Workshop.machine_ready, machine(1, 1), T0).nothing()
    again = [(Workshop.SeatRequested, {"seat": n, "machine_id": machine(n, n + 2)}) for n in (1, 2)]
    stories.once_more.when(Workshop.request_machines, T0).then_all(*again)


@pytest.mark.parametrize("story", [stories.created, stories.seats_asked, stories.stop_asked, stories.at_rest])
def test_what_does_not_run_is_neither_stopped_nor_joined(story: Story) -> None:
    for ask in (
        Workshop.stop,
        lambda workshop, now: workshop.join(NINA, now),
        lambda workshop, now: workshop.rejoin(LENA, now),
    ):
        story.when(ask, T0).refused(NotRunning)


def test_the_first_seat_that_is_free_is_taken() -> None:
    stories.open_.when(Workshop.join, LENA, T0).then_all((Workshop.Joined, {"seat": 1, "learner_id": LENA}))
    stories.joined.when(Workshop.join, MAX, T0).then_all((Workshop.Joined, {"seat": 2, "learner_id": MAX}))
    stories.full.when(Workshop.join, NINA, T0).refused(NoSeats)


def test_who_comes_back_has_the_same_seat() -> None:
    stories.full.when(Workshop.rejoin, MAX, T0).then_all((Workshop.Rejoined, {"seat": 2, "learner_id": MAX}))
    for stranger in (NINA, None):
        stories.full.when(Workshop.rejoin, stranger, T0).refused(NoSuchSession)


def test_a_seat_that_was_ended_is_free_when_it_has_another_machine() -> None:
    ended = {"seat": 1, "learner_id": LENA, "machine_id": machine(1, 1)}
    stories.full.when(Workshop.end_seat, 1, T0).then_all((Workshop.SeatEnded, ended))
    stories.seat_ended.when(Workshop.rejoin, LENA, T0).refused(NoSuchSession)
    stories.seat_ended.when(Workshop.join, NINA, T0).refused(NoSeats)
    stories.open_.when(Workshop.end_seat, 1, T0).refused(NotFound)
    another = stories.with_seat(stories.seat_ended, Workshop.SeatRequested, 1, 3)
    ready = stories.with_seat(another, Workshop.SeatReady, 1, 3)
    ready.when(Workshop.join, NINA, T0).then_all((Workshop.Joined, {"seat": 1, "learner_id": NINA}))


def test_who_sits_where_a_machine_is_lost_sits_there_still() -> None:
    lost = stories.with_seat(stories.joined, Workshop.SeatFailed, 1, 1, reason="vanished")
    assert lost.state.status == Status.RUNNING
    lost.when(Workshop.rejoin, LENA, T0).then_all((Workshop.Rejoined, {"seat": 1, "learner_id": LENA}))
    lost.when(Workshop.request_machines, T0).then_all(
        (Workshop.SeatRequested, {"seat": 1, "machine_id": machine(1, 3)})
    )


def test_it_warns_and_then_ends() -> None:
    end = T0 + DAY
    stories.open_.when(Workshop.warn, end - HOUR).nothing()
    stories.open_.when(Workshop.warn, end - timedelta(minutes=5)).then_all(
        (Workshop.Warned, {"at": end - timedelta(minutes=5), "expires_at": end})
    )
    stories.about_to_end.when(Workshop.expire, end).then_all((Workshop.Expired, {"at": end}))
    stories.prolonged.when(Workshop.expire, end).nothing()
    stories.over.when(Workshop.expire, end).nothing()
    assert stories.over.state.seats[1].learner_id is None


def test_it_can_be_extended_while_it_runs() -> None:
    later = (Workshop.Extended, {"expires_at": T0 + DAY + HOUR, "warns_at": T0 + DAY + HOUR - LEAD})
    stories.open_.when(Workshop.extend, 3600, YEAR, T0).then_all(later)
    stories.at_rest.when(Workshop.extend, 3600, YEAR, T0).refused(NotRunning)
    stories.open_.when(Workshop.extend, 3600, DAY, T0).refused(Invalid, "longest")


def test_it_can_be_deleted_in_whatever_state_and_then_there_is_none() -> None:
    stories.joined.when(Workshop.delete, T0).then_all((Workshop.Deleted, {}))
    stories.at_rest.when(Workshop.delete, T0).then_all((Workshop.Deleted, {}), (Workshop.Emptied, {}))
    for ask in (Workshop.delete, Workshop.stop, lambda workshop, now: workshop.start(DAY, now)):
        stories.taken_away.when(ask, T0).refused(NotFound)


@pytest.mark.parametrize("typed", ["CLAU-XY9Z", "clauxy9z", "clau xy9z", "-cLaU-xY9z-"])
def test_a_code_is_the_same_however_it_is_typed(typed: str) -> None:
    assert Code.id_of(typed) == Code.id_of("CLAU-XY9Z") != Code.id_of("CLAU-XY9Y")


def test_a_code_is_one_workshop_s() -> None:
    stories.taken_code.when(Code.take, ANNA, T0).nothing()
    stories.taken_code.when(Code.free, ANNA, T0).nothing()
    stories.taken_code.when(Code.free, SUBJECT, T0).then_all((Code.Freed, {}))
    stories.freed_code.when(Code.take, ANNA, T0).then_all((Code.TakenAgain, {"workshop_id": ANNA}))


@pytest.mark.parametrize(("text", "seat"), [("1", 1), ("01", 1), ("10", 10)])
def test_a_seat_is_written_with_or_without_a_nought(text: str, seat: int) -> None:
    assert parse_seat(text) == seat


@pytest.mark.parametrize("text", ["0", "00", "11", "-1", "1.0", "one", "", "001", "٣", "1 "])
def test_what_is_no_seat(text: str) -> None:
    with pytest.raises(Invalid):
        parse_seat(text)
