"""What the database refuses to hold stops the follower too, which says what was refused."""

from __future__ import annotations

from uuid import uuid4

from application.access import Cause
from domain.workspace import Workspace
from tests.infra.eventlog.test_event_store import T0
from tests.infra.eventlog.test_follower import Log, following, log
from tests.support.server import eventually

__all__ = ["log"]  # the fixture


def with_a_nul() -> Workspace:
    facts = {"name": "a\0b", "template": None, "provider": "fake", "ttl_seconds": None, "expires_at": None}
    facts |= {"region": "local", "made_from": None}
    return Workspace(id=uuid4(), at=T0, owner_id=uuid4(), **facts)


async def test_an_event_that_no_table_takes_stops_the_follower_and_is_named(log: Log) -> None:
    async with following(log) as it:
        await log.write(3)
        await eventually(log.is_followed)
        await log.platform.commit(Cause(), with_a_nul())

        async def failed() -> str | None:
            return it.failed

        assert await eventually(failed) == "UntranslatableCharacter after position 3"
    assert await log.position() == 3
    assert await log.one("select failed from follower") == "UntranslatableCharacter after position 3"
