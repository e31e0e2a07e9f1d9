"""A claim takes as many rows as are free, the oldest first, whatever plan the database chooses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from infra.eventlog.worker import CLAIM
from infra.wiring.database import open_database

DUE = """
insert into work select 'workspace.provision', gen_random_uuid(), 'engine', now() - i * interval '1 s',
    now() - i * interval '1 s', 1, 0 from generate_series(500, 1, -1) i
"""
PLANS = {
    "of its choice": "",
    "by nested loops": "set enable_hashjoin = off; set enable_material = off; set enable_hashagg = off; "
    "set enable_sort = off",
}


@pytest.mark.parametrize("plan", PLANS)
async def test_no_more_is_claimed_than_is_free_and_the_oldest_first(database: str, plan: str) -> None:
    await (await open_database(database)).close()
    now = datetime.now(UTC)
    params = {
        "lane": "engine",
        "commands": ["workspace.provision"],
        "free": 3,
        "now": now,
        "until": now + timedelta(minutes=1),
        "holder": 1,
    }
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(DUE)
        conn.execute(PLANS[plan])
        claimed = [delay.seconds for _, _, delay, *_ in conn.execute(CLAIM, params).fetchall()]
        assert len(claimed) == 3
        assert min(claimed) >= 490
