"""The address and region of a guest who asks to join, and limits on how often one may ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.warpdrive.asking import refused
from tests.contracts.warpdrive.people import (
    asking,
    host,
    keyholder,
    public_key,
    watching,
)
from tests.support.server import Served, served


@pytest.mark.line("W25")
async def test_a_trusted_proxy_tells_the_address_and_the_region(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path) as tenure, keyholder(tenure, "anna") as anna, keyholder(tenure, "ben") as ben:
        keys = [client.headers["x-api-key"] for client in (anna, ben)]
    for proxies, origin in (("127.0.0.0/8", ("203.0.113.5", "eu-central")), ("10.0.0.0/8", ("127.0.0.1", "unknown"))):
        async with served(database, tmp_path, trusted_proxies=proxies, region_header="X-Region") as tenure:
            await asked_from(tenure, keys, origin)


async def asked_from(tenure: Served, keys: list[str], origin: tuple[str, str]) -> None:
    headers = {"x-forwarded-for": "198.51.100.9, 203.0.113.5", "x-region": "eu-central"}
    async with keyholder(tenure, "anna", keys[0]) as anna, keyholder(tenure, "ben", keys[1], **headers) as ben:
        session = await host(anna)
        async with watching(anna, session) as owner, asking(ben, session):
            request = await owner.next("join_requested")
            assert (request["client_ip"], request["region"]) == origin


@pytest.mark.fault("F16")
async def test_guessing_an_alias_is_limited(database: str, tmp_path: Path) -> None:
    body = {"pub_key": public_key("guest"), "user": "bob"}
    async with (
        served(database, tmp_path, guesses_per_minute=5) as tenure,
        keyholder(tenure, "anna") as anna,
        keyholder(tenure, "ben") as ben,
    ):
        session = await host(anna)
        for nth in range(5):
            refused(await ben.post(f"/sse/session/alias/no-such-{nth}/guest", json=body), 404, "not_found")
        answer = await ben.post(f"/sse/session/alias/{session['alias']}/guest", json=body)
        refused(answer, 429, "rate_limited")
        assert int(answer.headers["retry-after"]) > 0
        async with keyholder(tenure, "cleo") as cleo, asking(cleo, session):
            pass  # she is at the same address, and has guessed nothing


async def test_asking_over_and_over_is_limited(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, joins_per_minute=3) as tenure,
        keyholder(tenure, "anna") as anna,
        keyholder(tenure, "ben") as ben,
    ):
        session = await host(anna)
        for _ in range(3):
            async with asking(ben, session):
                pass
        body = {"pub_key": public_key("guest"), "user": "bob"}
        refused(await ben.post(f"/sse/session/alias/{session['alias']}/guest", json=body), 429, "rate_limited")
