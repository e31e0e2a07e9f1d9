"""Epochs of the log. A copy of a log, and a log that was rolled back, begin a new one.

Everything that is made on an engine is labelled with the epoch. A machine of this epoch that the log does not know was
lost by this log itself; one of another epoch may be in use by the original, or was in use before the roll-back.

A new epoch begins where
- the database is another one than the log was last used in: a dump was restored;
- the home has seen more of the log than there is, or a later epoch: the database was rolled back;
- the home and the database have gone different ways since they were copied;
- an embedded database is in another home than the one that was marked: both were copied.
Too many epochs do no harm: what earlier ones have left behind then waits for an administrator.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import AsyncConnection

from infra.postgres import database
from infra.runtime.home import CannotStart, LogMark, make_home, place_of, read_mark, write_mark
from infra.wiring.schema import SCHEMA_LOCK
from projections.query import Position

log = logging.getLogger(__name__)
MARK_INTERVAL_S = 1.0  # between marks while the log grows
WAIT_S = 3600  # of one wait for the log to grow, which is repeated

STATE = """
select epoch, epoch_id, database_id, (select coalesce(max(notification_id), 0) from tenure_events)
from installation for update
"""
BEGIN = "update installation set epoch = %s, epoch_id = %s, database_id = %s"
# The cluster, its timeline (another one after a recovery to a point in time) and the database in it.
DATABASE_ID = """
select (select system_identifier from pg_control_system()) || '/'
    || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/'
    || (select oid from pg_database where datname = current_database())
"""
PLAIN_DATABASE_ID = "select '/' || (select oid from pg_database where datname = current_database())"


@dataclass(frozen=True)
class Epoch:
    """One life of a log, from its beginning, from a copy or from a roll-back on."""

    number: int
    id: UUID


async def settle_epoch(url: str, home: Path, is_embedded: bool) -> Epoch:
    """Return the epoch of the log, after beginning a new one where this log is a copy or was rolled back.

    `is_embedded`: the database is in this home, and in no other. Raises `CannotStart`.
    """
    make_home(home)
    conn = await database.connect(url)
    try:
        async with conn.transaction():
            await conn.execute("select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
            cur = await conn.execute(STATE)
            number, id, database_id, position = await cur.fetchone() or (0, None, None, 0)
            mark, actual_id = read_mark(home), await database_id_of(conn)
            if id is None:
                why: str | None = "the first one"
            elif database_id != actual_id:
                why = "the database is a restored copy"
            else:
                why = divergence(mark, number, id, position)
                if why is None and is_embedded and (mark is None or mark.place != place_of(home)):
                    why = "the home is a copy"
            if why is not None:
                if id is not None:
                    log.warning(
                        "a new epoch of the log begins: machines that it does not know wait for an administrator",
                        extra={"because": why},
                    )
                number, id = max(number, mark.epoch if mark else 0) + 1, uuid4()
                await conn.execute(BEGIN, (number, id, actual_id))
        epoch = Epoch(int(number), UUID(str(id)))
        write_mark(home, LogMark(epoch.number, epoch.id, position, place_of(home)))
        return epoch
    finally:
        await conn.close()


def divergence(mark: LogMark | None, number: int, id: UUID, position: int) -> str | None:
    """Why a log is not the one that a home was last used with, or not all of it; None if it is."""
    if mark is None or mark.epoch < number:
        return None  # another home on the same database may have begun the epoch
    if mark.epoch > number or (mark.epoch_id == id and mark.position > position):
        return "the database was rolled back"
    return None if mark.epoch_id == id else "the home has gone another way than the database"


async def database_id_of(conn: AsyncConnection[Any]) -> str:
    """What tells a database from a copy of it, as far as its user may know."""
    try:
        async with conn.transaction():
            cur = await conn.execute(DATABASE_ID)
            (id,) = await cur.fetchone() or ("",)
    except psycopg.Error:  # the user may not see the cluster's own number
        cur = await conn.execute(PLAIN_DATABASE_ID)
        (id,) = await cur.fetchone() or ("",)
    return str(id)


async def follow_log(home: Path, epoch: Epoch, followed: Position) -> None:
    """Keep in the home how far the log has come, until cancelled."""
    marked = 0
    try:
        while True:
            await followed.wait_for(marked + 1, timeout_s=WAIT_S)
            if followed.value > marked:
                marked = followed.value
                await asyncio.to_thread(mark_home, home, epoch, marked)
            await asyncio.sleep(MARK_INTERVAL_S)
    finally:
        if followed.value > marked:
            mark_home(home, epoch, followed.value)


def mark_home(home: Path, epoch: Epoch, position: int) -> None:
    """Write the mark. A home that cannot be written keeps the older one, which only finds fewer roll-backs."""
    try:
        write_mark(home, LogMark(epoch.number, epoch.id, position, place_of(home)))
    except (CannotStart, OSError) as error:
        log.warning("the home was not marked", extra={"because": str(error)})
