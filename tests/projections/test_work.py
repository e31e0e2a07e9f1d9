"""The due-list, folded: work that is ordered anew begins afresh, and what failed too often is parked until decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from domain.claim import Claim
from domain.work import Work
from infra.wiring.database import open_database
from projections import work
from tests.support.stories.workspaces import ANNA
from tests.support.story import SUBJECT, T0, Story

EXPIRE = "claim.expire"
WHAT = {"command": EXPIRE, "subject": SUBJECT}
FAILED = {"attempts": 20, "error": "ValueError"}
HOUR = timedelta(hours=1)
AFRESH = {"attempts": 0, "failures": 0, "holder": None, "last_error": None, "parked_at": None}

parked = Story(Work).given(Work.Parked, **WHAT, **FAILED).events[0]
_, retried = Story(Work).given(Work.Parked, **WHAT, **FAILED).given(Work.Retried, **WHAT).events
_, dropped = Story(Work).given(Work.Parked, **WHAT, **FAILED).given(Work.Dropped, **WHAT).events


def claim_taken(until: datetime) -> Any:
    """A claim that is to expire then: an order of the work."""
    facts = {"session_id": ANNA, "holder_id": ANNA, "expires_at": until, "owner_id": None}
    return Story(Claim).given(Claim.Taken, **facts).events[0]


def claim_released() -> Any:
    facts = {"session_id": ANNA, "holder_id": ANNA, "expires_at": T0, "owner_id": None}
    return Story(Claim).given(Claim.Taken, **facts).given(Claim.Released).events[1]


class List:
    """The due-list, and the position of the last event that it was folded from."""

    def __init__(self, conn: psycopg.AsyncConnection[Any]) -> None:
        self.conn, self.position = conn, 0

    async def fold(self, *events: Any) -> None:
        """Fold the events as one batch. What parks work bears the position before it as its cause."""
        first = self.position + 1
        positions = list(range(first, first + len(events)))
        caused = [replace(event, caused_by=at - 1) for event, at in zip(events, positions, strict=True)]
        await work.fold(self.conn, caused, positions, ["local"] * len(events))
        self.position += len(events)

    async def row(self) -> dict[str, Any] | None:
        cur = await self.conn.cursor(row_factory=dict_row).execute("select * from work")
        return await cur.fetchone()

    async def some_of(self, *names: str) -> Any:
        row = await self.row()
        assert row
        return {name: row[name] for name in names}


@pytest.fixture
async def due(database: str) -> AsyncIterator[List]:
    await (await open_database(database)).close()
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        yield List(conn)


@pytest.mark.fault("F36")
async def test_work_that_is_ordered_anew_begins_afresh(due: List) -> None:
    await due.fold(claim_taken(T0))
    await due.conn.execute("update work set attempts = 7, failures = 6, holder = 5, last_error = 'x', run_at = now()")
    await due.fold(claim_taken(T0 + HOUR))
    assert await due.some_of(*AFRESH) == AFRESH
    assert await due.some_of("due_at", "run_at", "caused_by") == {
        "due_at": T0 + HOUR,
        "run_at": T0 + HOUR,
        "caused_by": 2,
    }


@pytest.mark.fault("F36")
async def test_parked_work_is_not_tried_and_shown(due: List) -> None:
    await due.fold(claim_taken(T0))
    await due.conn.execute("update work set holder = 5, last_error = 'with a secret'")
    await due.fold(parked)
    state = {"attempts": 20, "last_error": "ValueError", "holder": None, "parked_at": T0, "run_at": work.NEVER}
    assert await due.some_of(*state) == state


@pytest.mark.fault("F36")
@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_parked_work_that_is_tried_again_begins_afresh(due: List, in_one_batch: bool) -> None:
    events = [claim_taken(T0), parked, replace(retried, at=T0 + HOUR)]
    if in_one_batch:
        await due.fold(*events)
    else:
        for event in events:
            await due.fold(event)
    assert await due.some_of(*AFRESH) == AFRESH
    assert await due.some_of("run_at", "caused_by", "lane") == {"run_at": T0 + HOUR, "caused_by": 3, "lane": "log"}


@pytest.mark.fault("F36")
@pytest.mark.parametrize("end", [dropped, claim_released()])
async def test_parked_work_that_is_dropped_or_done_is_gone(due: List, end: Any) -> None:
    await due.fold(claim_taken(T0))
    await due.fold(parked)
    await due.fold(end)
    assert await due.row() is None


@pytest.mark.fault("F36")
@pytest.mark.parametrize("decision", [retried, dropped])
async def test_a_decision_on_work_that_was_ordered_anew_changes_nothing(due: List, decision: Any) -> None:
    await due.fold(claim_taken(T0), parked, claim_taken(T0 + HOUR))
    before = await due.row()
    await due.fold(decision)
    assert await due.row() == before


@pytest.mark.fault("F36")
async def test_work_that_was_ordered_anew_during_its_last_attempt_is_not_parked(due: List) -> None:
    await due.fold(claim_taken(T0), claim_taken(T0 + HOUR))
    await due.conn.execute("update work set holder = 5")
    before = await due.row()
    due.position += 1  # so that the cause is not the position of the newer order
    await due.fold(parked)
    assert await due.row() == before


async def test_work_that_is_over_is_not_parked(due: List) -> None:
    await due.fold(claim_taken(T0), claim_released(), parked)
    await due.fold(parked)
    assert await due.row() is None


def test_the_id_of_parked_work_is_that_of_its_history() -> None:
    row = work.ParkedRow(EXPIRE, SUBJECT, "log", T0, T0, 20, "ValueError")
    assert row.id == Work.id_of(EXPIRE, UUID(str(SUBJECT)))
