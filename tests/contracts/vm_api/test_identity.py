"""The caller's identity (V01 to V03): a name in a header, accepted from trusted addresses alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.settings import Settings
from tests.contracts.asking import WORKSPACES, create, operations, refused
from tests.support import raw_http
from tests.support.server import Served, served

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def owner(tenure: Served, *headers: tuple[str, str]) -> Any:
    """The owner that Tenure stores when a caller with these headers creates a workspace."""
    async with httpx.AsyncClient(base_url=tenure.url, headers=list(headers)) as client:
        return (await create(client))["owner"]


async def ask(tenure: Served, *headers: tuple[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=tenure.url, headers=list(headers)) as client:
        return await client.get(WORKSPACES)


@pytest.mark.line("V01")
async def test_x_user_names_the_caller(house: Served) -> None:
    assert await owner(house, ("x-user", "myusername")) == "myusername"


@pytest.mark.line("V02")
async def test_a_proxy_names_the_caller(house: Served) -> None:
    assert await owner(house, ("X-VM-User", "alice")) == "alice"
    assert await owner(house, ("X-Forwarded-User", "alice")) == "alice"


@pytest.mark.line("V01", "V02")
async def test_a_proxys_header_counts_before_the_one_for_development(house: Served) -> None:
    vm, forwarded, dev = ("X-VM-User", "vm"), ("X-Forwarded-User", "forwarded"), ("x-user", "dev")
    assert await owner(house, dev, vm) == "vm"
    assert await owner(house, dev, forwarded) == "forwarded"
    assert await owner(house, dev) == "dev"


@pytest.mark.fault("F7")
@pytest.mark.line("V02", "V03")
async def test_two_proxy_headers_name_the_user_only_where_they_agree(house: Served) -> None:
    refused(await ask(house, ("X-VM-User", "a"), ("X-Forwarded-User", "b")), 401, "TENURE_IDENTITY_HEADER")
    refused(await ask(house, ("X-VM-User", "a"), ("X-Forwarded-User", "")), 401, "more than once")
    assert await owner(house, ("X-VM-User", "a"), ("X-Forwarded-User", "a")) == "a"


@pytest.mark.fault("F7")
@pytest.mark.line("V02")
async def test_a_setting_names_the_one_header_that_counts(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, identity_header="Remote-User") as tenure:
        assert await owner(tenure, ("Remote-User", "ann")) == "ann"
        assert await owner(tenure, ("X-VM-User", "eve"), ("X-Forwarded-User", "eva"), ("Remote-User", "ann")) == "ann"
        refused(await ask(tenure, ("X-VM-User", "eve")), 401, "remote-user")
        refused(await ask(tenure, ("Remote-User", "a"), ("Remote-User", "b")), 401, "more than once")


async def test_it_is_one_person_whichever_header_names_them(house: Served) -> None:
    async with house.client("alice") as by_dev, house.client(None, **{"X-VM-User": "alice"}) as by_proxy:
        workspace = await create(by_dev)
        assert (await by_proxy.get(f"{WORKSPACES}/{workspace['id']}")).status_code == 200


async def test_a_name_may_be_of_any_script(house: Served) -> None:
    raw = "Zoë Müller 王".encode()
    async with httpx.AsyncClient(base_url=house.url, headers=[(b"x-user", raw)]) as client:
        assert (await create(client))["owner"] == "Zoë Müller 王"


@pytest.mark.line("V03")
async def test_nobody_is_refused_and_told_how_to_say_who_they_are(house: Served) -> None:
    refused(await ask(house), 401, "x-user")


@pytest.mark.line("V03")
@pytest.mark.parametrize("header", ["X-VM-User", "X-Forwarded-User", "x-user"])
@pytest.mark.parametrize("name", ["", "\N{NO-BREAK SPACE}", "a" * 10_000, "a\N{LINE SEPARATOR}b"])
async def test_what_is_no_name_is_refused(house: Served, header: str, name: str) -> None:
    async with httpx.AsyncClient(base_url=house.url, headers=[(header.encode(), name.encode())]) as client:
        refused(await client.get(WORKSPACES), 401, header.lower())


@pytest.mark.line("V03")
async def test_an_empty_header_does_not_fall_back_to_the_next(house: Served) -> None:
    refused(await ask(house, ("X-VM-User", ""), ("x-user", "alice")), 401)


@pytest.mark.line("V03")
async def test_two_names_at_once_are_nobodys(house: Served) -> None:
    refused(await ask(house, ("X-VM-User", "mallory"), ("X-VM-User", "alice")), 401, "more than once")


@pytest.mark.line("V02", "V03")
@pytest.mark.parametrize("header", ["X-VM-User", "X-Forwarded-User", "x-user"])
async def test_a_peer_that_is_not_trusted_names_nobody(database: str, tmp_path: Path, header: str) -> None:
    async with served(database, tmp_path, trusted_proxies=["10.0.0.0/8"]) as tenure:
        refused(await ask(tenure, (header, "alice")), 401, "TENURE_TRUSTED_PROXIES")


@pytest.mark.line("V01")
async def test_on_another_bind_than_loopback_only_a_proxy_names(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, bind="0.0.0.0:3000") as tenure:
        refused(await ask(tenure, ("x-user", "alice")), 401, "x-vm-user")
        assert await owner(tenure, ("x-user", "mallory"), ("X-VM-User", "alice")) == "alice"


@pytest.mark.line("V01")
@pytest.mark.parametrize(
    ("bind", "dev_header", "accepted"),
    [
        ("127.0.0.1:3000", None, True),
        ("[::1]:3000", None, True),
        ("localhost:3000", None, True),
        ("0.0.0.0:3000", None, False),
        ("192.0.2.1:3000", None, False),
        ("0.0.0.0:3000", True, True),
        ("127.0.0.1:3000", False, False),
    ],
)
async def test_x_user_is_for_development(bind: str, dev_header: bool | None, accepted: bool) -> None:
    assert Settings(bind=bind, dev_header=dev_header).accepts_dev_header is accepted


@pytest.mark.fault("F1")
@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "[", "localhost@evil.example", "", "127.1"])
async def test_a_page_that_calls_this_machine_by_its_own_name_is_refused(house: Served, host: str) -> None:
    refused(await ask(house, ("Host", host), ("x-user", "alice")), 421, "TENURE_HOSTS")


@pytest.mark.fault("F1")
async def test_a_host_that_is_missing_or_sent_twice_is_refused(house: Served) -> None:
    for line, hosts, expected in (
        ("GET /health HTTP/1.1", "", 421),
        ("GET /health HTTP/1.1", "Host: localhost\r\nHost: evil.example\r\n", 421),
        ("GET /health HTTP/1.0", "", 200),  # as health checks of old load balancers ask
    ):
        answer = await raw_http.send(house.url, f"{line}\r\n{hosts}\r\n".encode())
        assert answer.status_code == expected, (line, hosts)


@pytest.mark.parametrize("host", ["localhost", "localhost:3000", "LOCALHOST", "127.0.0.1:1", "[::1]:3000"])
async def test_this_machine_goes_by_its_names(house: Served, host: str) -> None:
    assert (await ask(house, ("Host", host), ("x-user", "alice"))).status_code == 200


@pytest.mark.fault("F1")
async def test_a_proxy_may_serve_the_names_of_the_settings_and_addresses(database: str, tmp_path: Path) -> None:
    names: dict[str, Any] = {"public_url": "https://lab.example.org", "hosts": "tenure.example, Old.Example."}
    async with served(database, tmp_path, trusted_proxies="127.0.0.1", **names) as tenure:
        for host in ("lab.example.org", "LAB.example.org.", "tenure.example:81", "old.example", "192.0.2.1", "[::1]"):
            assert (await ask(tenure, ("Host", host), ("X-VM-User", "alice"))).status_code == 200, host
        for host in ("example.org", "lab.example.org.evil.example", "xlab.example.org"):
            refused(await ask(tenure, ("Host", host), ("X-VM-User", "alice")), 421)


@pytest.mark.fault("F8")
async def test_a_forged_line_does_not_change_whom_limits_count(database: str, tmp_path: Path) -> None:
    wrong = ("X-API-Key", "tnr_00000000_wrong")
    async with served(database, tmp_path, guesses_per_minute=3) as tenure:

        async def status(*headers: tuple[str, str]) -> int:
            return (await ask(tenure, wrong, *headers)).status_code

        for nth in range(3):
            forged = ("X-Forwarded-For", f"198.51.100.{nth}")
            assert await status(forged, ("X-Forwarded-For", "203.0.113.5:4711")) == 401
        assert await status(("X-Forwarded-For", "198.51.100.9"), ("X-Forwarded-For", "203.0.113.5")) == 429
        assert await status(("Forwarded", "for=203.0.113.5")) == 429
        for nth in range(3):
            assert await status(("X-Forwarded-For", f"[2001:db8::{nth}]:80")) == 401
        assert await status(("Forwarded", 'for="[2001:db8::ffff]"')) == 429
        assert await status(("X-Forwarded-For", "2001:db8:0:1::1")) == 401
        for nth in range(3):  # where the two headers disagree, the proxy itself is counted
            assert await status(("X-Forwarded-For", f"198.51.100.{nth}"), ("Forwarded", "for=203.0.113.99")) == 401
        assert await status(("X-Forwarded-For", "198.51.100.200"), ("Forwarded", "for=198.51.100.201")) == 429


@pytest.mark.line("V03")
async def test_nothing_under_the_base_url_answers_nobody(house: Served) -> None:
    async with house.client(None) as nobody:
        endpoints = list(operations((await nobody.get("/openapi.json")).json()))
        assert len(endpoints) >= 17
        for method, path in endpoints:
            refused(await nobody.request(method, path), 401)
