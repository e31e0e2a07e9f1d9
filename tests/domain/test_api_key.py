"""API keys: what they are for, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from application.processes import key_revocation
from domain.api_key import MAX_LIFETIME, ApiKey
from domain.errors import Invalid, NotFound
from projections.api_keys import ApiKeyRow, evolve
from tests.support.stories.workspaces import ANNA, HOUR, forgotten_key, key, keyless, passing_key, revoked_key
from tests.support.story import SUBJECT, T0


def create(**changes: Any) -> Any:
    fields = {"id": SUBJECT, "owner_id": ANNA, "scopes": ["full"], "lasts": None, "now": T0}
    return keyless.when(ApiKey.create, **fields | changes)


def test_it_is_made_for_scopes_and_a_time() -> None:
    create().then(ApiKey.Created, owner_id=ANNA, scopes=["full"], expires_at=None)
    create(scopes=["read", "audit", "read"], lasts=HOUR).then(
        ApiKey.Created, owner_id=ANNA, scopes=["audit", "read"], expires_at=T0 + HOUR
    )


@pytest.mark.parametrize("scopes", [[], ["king"], ["full", "FULL"], [""]])
def test_there_are_three_scopes_and_it_has_one(scopes: list[str]) -> None:
    create(scopes=scopes).refused(Invalid, "full, read, audit")


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(seconds=-1), MAX_LIFETIME + timedelta(seconds=1)])
def test_it_lasts_from_a_second_to_ten_years(lasts: timedelta) -> None:
    create(lasts=lasts).refused(Invalid, "from 1 second")


def test_it_is_good_until_its_end_or_until_it_is_revoked() -> None:
    assert key.state.is_good(T0 + MAX_LIFETIME)
    assert passing_key.state.is_good(T0 + HOUR - timedelta(microseconds=1))
    assert not passing_key.state.is_good(T0 + HOUR)
    assert not revoked_key.state.is_good(T0)


def test_it_is_revoked_once_and_then_forgotten_once() -> None:
    key.when(ApiKey.revoke, T0).then(ApiKey.Revoked)
    revoked_key.when(ApiKey.revoke, T0).refused(NotFound)
    key.when(ApiKey.forget, T0).nothing()
    revoked_key.when(ApiKey.forget, T0).then(ApiKey.Forgotten)
    forgotten_key.when(ApiKey.forget, T0).nothing()


def test_what_is_kept_of_a_revoked_key_is_forgotten_by_the_process() -> None:
    assert key.work([key_revocation.react]) == {}
    assert revoked_key.work([key_revocation.react]) == {"api_key.forget": T0}
    assert forgotten_key.work([key_revocation.react]) == {}


def test_the_list_has_those_that_are_not_revoked() -> None:
    assert passing_key.row(evolve) == ApiKeyRow(SUBJECT, ANNA, T0, T0 + HOUR, ["audit", "read"])
    assert revoked_key.row(evolve) is None
    assert forgotten_key.row(evolve) is None
