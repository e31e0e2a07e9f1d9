"""Which pages may act for who is signed in: scheme, host and port must be this server's, or listed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from domain.errors import NotAllowed
from interfaces import app
from interfaces.http.origins import require_own_origin
from tests.contracts.chrote.people import member
from tests.support.server import Served, served

pytestmark = pytest.mark.fault("F10")

LAB = "https://lab.example.org"


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    settings: dict[str, Any] = {
        "public_url": LAB,
        "hosts": "old.example.org",
        "cors_origins": "https://desk.example:8443",
    }
    async with served(database, tmp_path, **settings) as tenure:
        yield tenure


def asks(tenure: Served, headers: dict[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    api = app.build(tenure.tenure.deps)
    return Request({"type": "http", "app": api, "headers": raw, "method": "POST", "path": "/"})


CASES: list[tuple[str, str | None, bool]] = [
    ("lab.example.org", LAB, True),
    ("lab.example.org", f"{LAB}:443", True),
    ("lab.example.org", "HTTPS://LAB.example.org", True),
    ("lab.example.org", "http://lab.example.org", False),  # the same host, in plain text
    ("lab.example.org", f"{LAB}:8443", False),  # another server of the same host
    ("lab.example.org", "https://evil.example", False),
    ("lab.example.org", "https://lab.example.org.evil.example", False),
    ("lab.example.org", "null", False),
    ("lab.example.org", "", False),
    ("lab.example.org", "https://desk.example:8443", True),  # listed
    ("lab.example.org", "https://desk.example", False),
    ("old.example.org", "https://old.example.org", True),
    ("old.example.org", "http://old.example.org", False),
    ("127.0.0.1:3000", "http://127.0.0.1:3000", True),
    ("127.0.0.1:3000", "https://127.0.0.1:3000", False),
    ("127.0.0.1:3000", "http://127.0.0.1:3001", False),
    ("127.0.0.1:3000", "http://localhost:3000", False),
    ("[::1]:3000", "http://[::1]:3000", True),
    ("localhost", "http://localhost", True),
    ("lab.example.org", None, True),  # a program
]


async def test_scheme_host_and_port_are_compared(lab: Served) -> None:
    for host, origin, allowed in CASES:
        headers = {"host": host} | ({} if origin is None else {"origin": origin})
        assert is_allowed(lab, headers) is allowed, (host, origin)


async def test_without_origin_the_browsers_other_headers_decide(lab: Served) -> None:
    host = {"host": "lab.example.org"}
    for headers, allowed in (
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "referer": "https://evil.example/page"}, False),
        ({"sec-fetch-site": "cross-site", "referer": "https://desk.example:8443/page"}, True),
        ({"origin": "https://evil.example", "sec-fetch-site": "same-origin"}, False),
    ):
        assert is_allowed(lab, host | headers) is allowed, headers


def is_allowed(tenure: Served, headers: dict[str, str]) -> bool:
    try:
        require_own_origin(asks(tenure, headers))
    except NotAllowed:
        return False
    return True


async def test_a_page_elsewhere_signs_nobody_in_by_name(tenure: Served) -> None:
    async with member(tenure, "Ann") as ann:
        before = ann.cookies["tenure_login"]
        for headers in ({"sec-fetch-site": "same-site"}, {"origin": "http://127.0.0.1:1"}):
            answer = await ann.get("/auth/dev", params={"name": "Eve"}, headers=headers)
            assert answer.status_code == 403
        assert ann.cookies["tenure_login"] == before
