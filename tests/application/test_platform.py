"""Loading an aggregate reads no more of its stream than it takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.access import Cause
from domain.claim import Claim
from tests.support.databases import platform_on
from tests.support.story import T0

LASTS = timedelta(minutes=30)


@pytest.mark.fault("F37")
async def test_a_claim_is_loaded_from_two_events(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    holder_id = uuid4()
    with platform_on(database) as platform:
        claim = Claim.begin(uuid4(), holder_id, LASTS, T0)
        for nth in range(1, 20):
            claim.renew(holder_id, LASTS, T0 + nth * LASTS * 2 / 3)
        await platform.commit(Cause(), claim)
        whole: Claim = platform.repository.get(claim.id)
        read: list[Any] = []
        select = platform.recorder.select_events

        def select_and_count(*args: Any, **options: Any) -> Any:
            read.extend(events := select(*args, **options))
            return events

        monkeypatch.setattr(platform.recorder, "select_events", select_and_count)
        loaded = await platform.load(Claim, claim.id)
        assert vars(loaded) == vars(whole) and loaded.version == 20
        assert len(read) == 2
        before = await platform.load(Claim, claim.id, version=7)  # an earlier version takes the events up to it
        assert before.version == 7
