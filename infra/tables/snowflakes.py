"""Snowflakes: numbers of 63 bits that rise with time. The milliseconds are above, a sequence of the database below.

Others put the number of a worker there, which somebody has to give out; the sequence makes them different on any
replica for as long as there are not four million in one millisecond.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application.ports.clock import Clock
from infra.postgres.rows import fetch_all

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
BITS = 22  # of the sequence
DDL = f"create sequence if not exists snowflakes minvalue 0 maxvalue {2**BITS - 1} cycle;"


class Snowflakes:
    """The `Numbers` port."""

    def __init__(self, pool: AsyncConnectionPool[Any], clock: Clock) -> None:
        self._pool, self._clock = pool, clock

    async def __call__(self) -> int:
        ((nth,),) = await fetch_all(self._pool, "select nextval('snowflakes')", ())
        millis = int((self._clock() - EPOCH).total_seconds() * 1000)
        return int(millis << BITS | nth)
