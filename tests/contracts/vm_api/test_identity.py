"""The caller's identity (V01 to V03): a name in a header, accepted from trusted addresses alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.settings import Settings
from tests.contracts.asking import WORKSPACES, create, operations, refused
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
async def test_of_several_headers_the_proxys_own_counts(house: Served) -> None:
    vm, forwarded, dev = ("X-VM-User", "vm"), ("X-Forwarded-User", "forwarded"), ("x-user", "dev")
    assert await owner(house, dev, forwarded, vm) == "vm"
    assert await owner(house, dev, forwarded) == "forwarded"
    assert await owner(house, dev) == "dev"


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


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "[", "localhost@evil.example", ""])
async def test_a_page_that_calls_this_machine_by_its_own_name_is_nobody(house: Served, host: str) -> None:
    refused(await ask(house, ("Host", host), ("x-user", "alice")), 401, "localhost")


@pytest.mark.parametrize("host", ["localhost", "localhost:3000", "LOCALHOST", "127.0.0.1:1", "[::1]:3000"])
async def test_this_machine_goes_by_its_names(house: Served, host: str) -> None:
    assert (await ask(house, ("Host", host), ("x-user", "alice"))).status_code == 200


async def test_a_proxy_may_serve_any_name(house: Served) -> None:
    assert (await ask(house, ("Host", "tenure.example"), ("X-VM-User", "alice"))).status_code == 200


@pytest.mark.line("V03")
async def test_nothing_under_the_base_url_answers_nobody(house: Served) -> None:
    async with house.client(None) as nobody:
        endpoints = list(operations((await nobody.get("/openapi.json")).json()))
        assert len(endpoints) >= 17
        for method, path in endpoints:
            refused(await nobody.request(method, path), 401)
