"""Databases for tests: each has Tenure's tables without rows. A used one is emptied and lent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg

from application.platform import Platform
from infra.eventlog.event_store import close_platform, open_platform
from infra.wiring.database import open_database

NUMBERS = count(1)
TEMPLATE = "tables"
CARELESS = ("fsync", "full_page_writes", "synchronous_commit")  # nothing here is to outlive the machine
HANG_UP = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""
SHAPE = """
select nspname, relname, relkind, attname, atttypid, attnotnull, atthasdef from pg_class
join pg_namespace on pg_namespace.oid = relnamespace left join pg_attribute on attrelid = pg_class.oid
where nspname !~ '^(pg_|information_schema)' and not coalesce(attisdropped, false)
order by nspname, relname, attname
"""
FOLDED_AS = "select version, shape from follower"  # a test may fold as another version does
EMPTY = """
do $$
declare name text;
begin
    set local session_replication_role = replica;  -- in any order, whatever refers to what
    for name in select oid::regclass from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'follower'
    loop execute 'delete from ' || name; end loop;
    perform setval(seqrelid, seqstart, false) from pg_sequence;
    update follower set position = 0, failed = null;
end $$
"""


class Databases:
    """The test databases of one PostgreSQL server."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._unused: list[str] = []
        with psycopg.connect(server, autocommit=True) as conn:
            for setting in CARELESS:
                conn.execute(f"alter system set {setting} = off")
            conn.execute("select pg_reload_conf()")
            conn.execute(f"create database {TEMPLATE}")
        asyncio.run(with_tables(self._url(TEMPLATE)))
        with psycopg.connect(self._url(TEMPLATE)) as conn:
            conn.execute(EMPTY)
            self._shape = conn.execute(SHAPE).fetchall()
            self._folded_as = conn.execute(FOLDED_AS).fetchone()

    @contextmanager
    def lend(self) -> Iterator[str]:
        """Lend a database to one test. Yields its URL."""
        url = self._unused.pop() if self._unused else self._new()
        yield url
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(HANG_UP)
            folded_as = conn.execute(FOLDED_AS).fetchone() if conn.execute(SHAPE).fetchall() == self._shape else None
            if folded_as == self._folded_as:
                conn.execute(EMPTY)
                self._unused.append(url)

    def _new(self) -> str:
        name = f"test_{next(NUMBERS)}"
        with psycopg.connect(self._server, autocommit=True) as conn:
            conn.execute(f"create database {name} template {TEMPLATE}")
        return self._url(name)

    def _url(self, name: str) -> str:
        return psycopg.conninfo.make_conninfo(self._server, dbname=name)


async def with_tables(database: str) -> None:
    """Create Tenure's tables, as its first start does."""
    await (await open_database(database)).close()


@contextmanager
def platform_on(database: str) -> Iterator[Platform]:
    """The application on this database, with the group writer but without read models."""
    platform = open_platform(database)
    try:
        yield platform
    finally:
        close_platform(platform)


async def nothing_is_due(database: str) -> bool:
    """Whether no work is due now: all is done, or waits for its time."""
    async with await psycopg.AsyncConnection.connect(database) as conn:
        return await (await conn.execute("select from work where due_at <= now()")).fetchone() is None


def emptied(database: str) -> None:
    """Empty the database, between two stories of one test."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(EMPTY)
