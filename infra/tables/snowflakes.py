"""The sequence `snowflakes`: numbers of 63 bits that grow with time.

The upper bits are milliseconds, the lower 22 bits a sequence of the database. Other schemes put the number of a
worker there, which must be assigned; the sequence keeps numbers of all replicas apart, up to four million in one
millisecond.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application.ports.clock import Clock
from infra.postgres.rows import fetch_all

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
SEQUENCE_BITS = 22
DDL = f"create sequence if not exists snowflakes minvalue 0 maxvalue {2**SEQUENCE_BITS - 1} cycle;"


class Snowflakes:
    """The `Numbers` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], clock: Clock) -> None:
        self._pool, self._clock = pool, clock

    async def __call__(self) -> int:
        """Return a new number. Raises `Unavailable`."""
        ((sequence,),) = await fetch_all(self._pool, "select nextval('snowflakes')", ())
        millis = int((self._clock() - EPOCH).total_seconds() * 1000)
        return int(millis << SEQUENCE_BITS | sequence)
