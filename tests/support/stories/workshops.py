"""The stories of workshops."""

from datetime import timedelta
from uuid import UUID, uuid5

from domain.unique_name import Code
from domain.workshop import Workshop
from tests.support.stories.workspaces import ANNA, HOUR, LEAD, SNAPSHOT
from tests.support.story import SUBJECT, T0, Story

DAY = timedelta(hours=8)
LENA = UUID("00000000-0000-4000-8000-0000000000c1")
MAX = UUID("00000000-0000-4000-8000-0000000000c2")


def machine(seat: int, nth: int) -> UUID:
    return uuid5(SUBJECT, f"{seat}/{nth}")


def with_seat(story: Story, event: type, seat: int, nth: int, **facts: object) -> Story:
    return story.given(event, seat=seat, machine_id=machine(seat, nth), **facts)


unmade = Story(Workshop)
FACTS = {"owner_id": ANNA, "number": "ws-abc234", "name": "Basics", "code": "CLAU-XY9Z"}
created = unmade.given(Workshop.Created, **FACTS, seats=2)
start_asked = created.given(Workshop.StartRequested, expires_at=T0 + DAY, warns_at=T0 + DAY - LEAD)
seats_asked = with_seat(with_seat(start_asked, Workshop.SeatRequested, 1, 1), Workshop.SeatRequested, 2, 2)
one_ready = with_seat(seats_asked, Workshop.SeatReady, 1, 1)
one_failed = with_seat(one_ready, Workshop.SeatFailed, 2, 2, reason="no image")
again = with_seat(one_failed, Workshop.SeatRequested, 2, 3)
failed_again = with_seat(again, Workshop.SeatFailed, 2, 3, reason="no image")
last_try = with_seat(failed_again, Workshop.SeatRequested, 2, 4)
failed_for_good = with_seat(last_try, Workshop.SeatFailed, 2, 4, reason="no image")
not_started = failed_for_good.given(Workshop.StartFailed, seat=2, reason="no image")
open_ = with_seat(one_ready, Workshop.SeatReady, 2, 2).given(Workshop.Started)
joined = open_.given(Workshop.Joined, seat=1, learner_id=LENA)
full = joined.given(Workshop.Joined, seat=2, learner_id=MAX)
back_again = joined.given(Workshop.Rejoined, seat=1, learner_id=LENA)
seat_ended = full.given(Workshop.SeatEnded, seat=1, learner_id=LENA, machine_id=machine(1, 1))
prolonged = open_.given(Workshop.Extended, expires_at=T0 + DAY + HOUR, warns_at=T0 + DAY + HOUR - LEAD)
about_to_end = open_.given(Workshop.Warned, expires_at=T0 + DAY)
over = joined.given(Workshop.Expired, at=T0 + DAY)
stop_asked = joined.given(Workshop.StopRequested)
one_gone = with_seat(stop_asked, Workshop.SeatCleared, 1, 1)
all_gone = with_seat(one_gone, Workshop.SeatCleared, 2, 2).given(Workshop.Emptied)
at_rest = all_gone.given(Workshop.Stopped)
once_more = at_rest.given(Workshop.StartRequested, expires_at=T0 + DAY, warns_at=T0 + DAY - LEAD)
taken_away = joined.given(Workshop.Deleted)

unused_code = Story(Code)
taken_code = unused_code.given(Code.Taken, workshop_id=SUBJECT)
freed_code = taken_code.given(Code.Freed)
retaken_code = freed_code.given(Code.TakenAgain, workshop_id=SNAPSHOT)
