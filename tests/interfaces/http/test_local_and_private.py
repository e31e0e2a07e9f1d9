"""Local and private, as one table: settings and requests, and whether all that needs no credential is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.docker.machines import DockerMachines
from infra.local.machines import LocalMachines
from infra.runtime.home import CannotStart
from infra.settings import Settings
from infra.wiring.engines import choose_engine
from infra.wiring.workshops import check_settings
from tests.support.server import Served, served

pytestmark = pytest.mark.fault("F2")

INSTALLATION = UUID("550e8400-e29b-41d4-a716-446655440000")
GITHUB = {"github_client_id": "Iv1.0123456789abcdef", "github_client_secret": "secret"}
SETTINGS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"bind": "[::1]:3000"}, True),
    ({"bind": "localhost:3000"}, True),
    ({"public_url": "http://localhost:3000"}, True),
    ({"public_url": "https://[::1]:3000/lab"}, True),
    ({"bind": "0.0.0.0:3000"}, False),
    ({"bind": "192.0.2.1:3000"}, False),
    ({"bind": "0.0.0.0:3000", "public_url": "http://localhost:3000"}, False),
    ({"public_url": "https://lab.example.org"}, False),
    ({"public_url": "https://localhost.example.org"}, False),
    (GITHUB, False),
]
REQUESTS: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"host": "localhost"}, True),
    ({"host": "[::1]:3000"}, True),
    ({"host": "192.0.2.1"}, False),
    ({"x-forwarded-for": "127.0.0.1"}, False),
    ({"x-forwarded-proto": "https"}, False),
    ({"x-forwarded-host": "localhost"}, False),
    ({"x-real-ip": "127.0.0.1"}, False),
    ({"forwarded": "for=127.0.0.1"}, False),
    ({"via": "1.1 gateway"}, False),
    ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, False),
    ({"origin": "null"}, False),
    ({"sec-fetch-site": "same-site"}, False),  # another port of this host
    ({"sec-fetch-site": "none"}, True),
]


@pytest.mark.parametrize(("settings", "expected"), SETTINGS)
def test_settings_of_a_server_for_the_people_of_this_machine(settings: dict[str, Any], expected: bool) -> None:
    assert Settings(**settings).is_local_and_private is expected
    assert Settings(**settings).accepts_dev_header is expected


@pytest.mark.parametrize(("headers", "expected"), REQUESTS)
async def test_requests_of_the_people_of_this_machine(tenure: Served, headers: dict[str, str], expected: bool) -> None:
    assert await what_is_open(tenure, headers) == dict.fromkeys(("x-user", "dev", "status", "portal"), expected)


async def what_is_open(tenure: Served, headers: dict[str, str]) -> dict[str, bool]:
    """Whether each of the things that need no credential is there for a request with these headers."""
    async with httpx.AsyncClient(base_url=tenure.url, headers=headers) as client:
        by_name = await client.get("/api/v1/workspaces", headers={"x-user": "ann"})
        portal = await client.get("/api/workshops")
        ways = (await client.get("/api/auth/status")).json()
        signed_in = await client.get("/auth/dev?name=ann")
    return {
        "x-user": by_name.status_code == 200,
        "dev": signed_in.status_code == 302,
        "status": ways["dev"],
        "portal": portal.status_code == 200,
    }


async def test_behind_a_public_url_nobody_comes_in_without_a_credential(database: str, tmp_path: Path) -> None:
    public: dict[str, Any] = {"public_url": "https://lab.example.org", **GITHUB}
    async with served(database, tmp_path, **public) as tenure:
        for host in ("lab.example.org", "127.0.0.1"):
            forwarded = {"host": host, "x-forwarded-for": "8.8.8.8"}
            for headers in ({"host": host}, forwarded):
                assert not any((await what_is_open(tenure, headers)).values())
            for header in ("x-user", "x-vm-user", "x-forwarded-user"):
                async with httpx.AsyncClient(base_url=tenure.url, headers=forwarded | {header: "boss"}) as boss:
                    assert (await boss.post("/api/v1/keys", json={"name": "k"})).status_code == 401
                    assert (await boss.get("/api/workshops")).status_code == 401


async def test_a_header_that_is_switched_on_still_needs_a_request_that_was_not_forwarded(
    database: str, tmp_path: Path
) -> None:
    proxies = ["127.0.0.1"]
    async with served(database, tmp_path, bind="0.0.0.0:3000", dev_header=True, trusted_proxies=proxies) as tenure:
        assert (await what_is_open(tenure, {}))["x-user"]
        assert not (await what_is_open(tenure, {"x-forwarded-for": "8.8.8.8"}))["x-user"]


@pytest.mark.parametrize("url", [None, "http://localhost:3000"])
def test_loopback_is_trusted_while_there_is_no_public_url(url: str | None) -> None:
    assert [str(network) for network in Settings(public_url=url).trusted_proxies] == ["127.0.0.0/8", "::1/128"]


def test_behind_a_public_url_only_named_proxies_are_trusted() -> None:
    url = "https://lab.example.org"
    assert Settings(public_url=url).trusted_proxies == ()
    assert [str(n) for n in Settings(public_url=url, trusted_proxies="127.0.0.1").trusted_proxies] == ["127.0.0.1/32"]


@pytest.mark.parametrize(("settings", "expected"), SETTINGS)
async def test_machines_are_processes_of_this_one_only_there(
    tmp_path: Path, settings: dict[str, Any], expected: bool
) -> None:
    chosen = Settings(home=tmp_path, machines="local", **settings)
    if expected:
        machines = await choose_engine(chosen, INSTALLATION)
        assert isinstance(machines, LocalMachines) and not isinstance(machines, DockerMachines)
        machines.close()
    else:
        with pytest.raises(CannotStart, match="people of this machine only"):
            await choose_engine(chosen, INSTALLATION)


@pytest.mark.parametrize(("settings", "expected"), SETTINGS)
def test_the_portal_cannot_be_opened_elsewhere(settings: dict[str, Any], expected: bool) -> None:
    chosen = Settings(portal_auth="open", **settings)
    if expected:
        check_settings(chosen)
    else:
        with pytest.raises(CannotStart, match="TENURE_PORTAL_AUTH=open"):
            check_settings(chosen)
