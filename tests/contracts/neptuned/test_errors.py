"""Every error of Neptuned is one sentence under `error`, whichever layer refuses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contracts.neptuned.people import BASE, fine, nobody, refused, register
from tests.support.server import Served

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/admin", "/admin/nowhere", "/admin/users/1/nowhere", "/login/"])
async def test_where_there_is_nothing(ada: httpx.AsyncClient, path: str) -> None:
    refused(await ada.get(f"{BASE}{path}"), 404, "nothing at this address")


@pytest.mark.parametrize(
    ("method", "path", "takes"),
    [
        ("GET", "/login", "OPTIONS, POST"),
        ("PUT", "/admin/config", "GET, HEAD, OPTIONS, PATCH"),
        ("POST", "/admin/users", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_that_an_address_does_not_take(
    ada: httpx.AsyncClient, method: str, path: str, takes: str
) -> None:
    answer = await ada.request(method, f"{BASE}{path}")
    refused(answer, 405, "method")
    assert answer.headers["allow"] == takes


@pytest.mark.parametrize("path", ["/login", "/register", "/change_password", "/admin/users/create"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"{}", b'{"username": "ada", "password": 1}', b"[" * 100_000]
    + [b'{"username": "\\ud800", "password": "\\ud800\\ud800\\ud800\\ud800\\ud800"}'],
)
async def test_a_body_that_makes_no_sense(ada: httpx.AsyncClient, path: str, body: bytes) -> None:
    refused(await ada.post(f"{BASE}{path}", content=body, headers=JSON), 400)


async def test_a_body_that_is_too_long(ada: httpx.AsyncClient) -> None:
    refused(await ada.post(f"{BASE}/login", content=b" " * 2_000_000, headers=JSON), 413)


async def test_an_error_that_nobody_foresaw(
    tenure: Served, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine(await register(client, "ada"))

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr(type(tenure.tenure.deps.neptuned.vm_accounts), "log_in", broken)
    answer = await client.post(f"{BASE}/login", json={"username": "ada", "password": "correct horse"})
    assert "secret reason" not in refused(answer, 500, "in the log under")


@pytest.mark.line("N41")
@pytest.mark.parametrize("scheme", ["", "Bearer", "Basic YTpi", "bearer x", "Bearer x.y.z", "Token x"])
async def test_who_comes_without_a_good_token_is_told_what_is_needed(tenure: Served, scheme: str) -> None:
    async with nobody(tenure, **({"authorization": scheme} if scheme else {})) as client:
        refused(await client.post(f"{BASE}/logout"), 401, "log in first")
        refused(await client.get(f"{BASE}/admin/config"), 401, "log in first")
