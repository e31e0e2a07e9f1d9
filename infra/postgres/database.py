"""Connections to PostgreSQL: single ones for whoever keeps one, and pools for the rest."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

RECONNECT = 1.0  # seconds; the pools' own way is to try less and less often, up to minutes after it is back


async def connect(url: str) -> AsyncConnection[Any]:
    """One connection in autocommit mode, for whoever keeps it."""
    return await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5)


def pool(url: str, size: int = 10) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=size,
        timeout=3,
        reconnect_timeout=RECONNECT,
        open=False,
        kwargs={"autocommit": True, "connect_timeout": 5},
    )
