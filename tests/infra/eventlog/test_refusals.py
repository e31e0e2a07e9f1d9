"""An event that the database refuses to store in a table stops the follower, which names the error."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from application.access import Cause
from domain.workspace import Workspace
from tests.infra.eventlog.test_event_store import T0
from tests.infra.eventlog.test_follower import Log, following, log
from tests.support.server import eventually

__all__ = ["log"]  # the fixture


def workspace_with_nul() -> Workspace:
    """A workspace whose name PostgreSQL takes as bytes in the log, but as no text in a row."""
    fields: dict[str, Any] = {
        "name": "a\0b",
        "template": None,
        "provider": "fake",
        "ttl_seconds": None,
        "expires_at": None,
    }
    fields |= {"region": "local", "made_from": None, "warns_at": None, "gives_up_at": None}
    return Workspace(id=uuid4(), at=T0, owner_id=uuid4(), **fields)


async def test_an_event_that_no_table_takes_stops_the_follower_and_is_reported(log: Log) -> None:
    async with following(log) as follower:
        await log.write(3)
        await eventually(log.is_followed)
        await log.platform.commit(Cause(), workspace_with_nul())

        async def failed() -> str | None:
            return follower.failed

        assert await eventually(failed) == "UntranslatableCharacter after position 3"
    assert await log.position() == 3
    assert await log.one("select failed from follower") == "UntranslatableCharacter after position 3"
