"""The settings that administrators change while Tenure runs (N08, N42 to N44)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.wiring.vm_accounts import REGISTRATION_IS_OPEN
from tests.contracts.neptuned.people import BASE, fine, log_in, nobody, person, refused, register
from tests.support.server import served

SETTINGS = f"{BASE}/admin/config"


@pytest.mark.line("N08", "N42")
async def test_the_settings_as_they_come(ada: httpx.AsyncClient) -> None:
    settings = {"registrations_open": True, "chat": {"messages_max_rate": 10, "messages_max_count": 5}}
    assert fine(await ada.get(SETTINGS)) == settings


@pytest.mark.line("N08", "N43")
async def test_some_are_changed_and_the_others_stay(ada: httpx.AsyncClient) -> None:
    chat = {"messages_max_rate": 2.5, "messages_max_count": 5}
    settings = {"registrations_open": True, "chat": chat}
    assert fine(await ada.patch(SETTINGS, json={"chat": {"messages_max_rate": 2.5}})) == settings
    settings = {"registrations_open": False, "chat": chat}
    assert fine(await ada.patch(SETTINGS, json={"registrations_open": False})) == settings
    empty: list[dict[str, Any]] = [{}, {"chat": {}}]
    for nothing in empty:
        assert fine(await ada.patch(SETTINGS, json=nothing)) == settings
    assert fine(await ada.patch(SETTINGS)) == settings
    assert fine(await ada.patch(SETTINGS, json=settings | {"chat": {"messages_max_count": 9}}))["chat"] == {
        "messages_max_rate": 2.5,
        "messages_max_count": 9,
    }
    assert fine(await ada.get(SETTINGS))["chat"]["messages_max_count"] == 9


@pytest.mark.line("N43")
@pytest.mark.parametrize(
    "body",
    [
        {"registrations_opened": True},
        {"registrations_open": "false"},
        {"registrations_open": None},
        {"registrations_open": 0},
        {"chat": None},
        {"chat": {"messages_max_rate": 0}},
        {"chat": {"messages_max_rate": True}},
        {"chat": {"messages_max_count": 1.5}},
        {"chat": {"messages_max_count": 10**30}},
        {"chat": {"rate": 1}},
        [],
    ],
)
async def test_what_is_no_setting_changes_nothing(ada: httpx.AsyncClient, body: Any) -> None:
    before = fine(await ada.get(SETTINGS))
    if isinstance(body, dict):
        body = {"registrations_open": False} | body
    refused(await ada.patch(SETTINGS, json=body), 400)
    assert fine(await ada.get(SETTINGS)) == before


@pytest.mark.line("N35", "N44")
async def test_closed_registrations_are_closed_for_others_on_all_replicas_and_after_a_start(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="infra.wiring.vm_accounts")
    async with (
        served(database, tmp_path) as tenure,
        served(database, tmp_path) as other,
        person(tenure, "ada") as ada,
        nobody(other) as client,
    ):
        assert caplog.messages.count(REGISTRATION_IS_OPEN) == 2
        fine(await ada.patch(SETTINGS, json={"registrations_open": False}))
        refused(await register(client, "bob"), 403, "registrations are closed")
        refused(await log_in(client, "bob"), 401)
        fine(await log_in(client, "ada"))
    async with served(database, tmp_path) as tenure, nobody(tenure) as client:
        assert caplog.messages.count(REGISTRATION_IS_OPEN) == 2
        refused(await register(client, "bob"), 403, "registrations are closed")
        client.headers["authorization"] = f"Bearer {fine(await log_in(client, 'ada'))['token']}"
        fine(await client.patch(SETTINGS, json={"registrations_open": True}))
        fine(await register(client, "bob"))
