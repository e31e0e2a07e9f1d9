"""What is logged: no query, header or body, and refusals are no errors."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets import ConnectionClosed, InvalidStatus, connect

from infra.process import logging as logs
from tests.support.processes import spawned
from tests.support.server import WAIT_TIMEOUT_S

pytestmark = pytest.mark.fault("F20")
SECRET = "hush-3f9c"
SOCKETS = ("/ws", "/ws/terminal/lab", "/api/v1/events", "/api/v0/connect/lab", "/vm/1/terminal", "/vm/1/browser", "/no")


async def test_no_address_header_or_body_is_logged_and_a_refusal_is_no_error(database: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"log_level": "debug", "log_format": "json", "machines": "local"}
    async with spawned(database, tmp_path, **settings) as server:
        await a_visit(server.url)
    lines = server.output_path.read_text().splitlines()
    assert not [line for line in lines if SECRET in line]
    records = [json.loads(line) for line in lines if line.startswith("{")]
    assert [record["route"] for record in records if record["event"] == "answered"].count("/health") > 1
    assert not [record for record in records if record["level"] in ("error", "critical")]


async def a_visit(url: str) -> None:
    """Send the secret in every place of requests and handshakes that are served, refused or malformed."""
    headers = {"Authorization": f"Bearer {SECRET}", "X-API-Key": SECRET, "x-odd": SECRET}
    for path in SOCKETS:
        address = f"{url.replace('http', 'ws')}{path}?token={SECRET}&password={SECRET}"
        for proof in ({}, headers, {"x-user": "alice"}):
            try:
                async with (
                    asyncio.timeout(WAIT_TIMEOUT_S),
                    connect(address, additional_headers=proof, proxy=None) as ws,
                ):
                    await ws.send(json.dumps({"type": "sendKeys", "keys": SECRET}))
                    await ws.send(SECRET)
            except (InvalidStatus, ConnectionClosed):
                pass
    async with httpx.AsyncClient(base_url=url, timeout=WAIT_TIMEOUT_S) as client:
        for path in ("/health", "/nothing", "/api/v1/workspaces", f"/invite/{SECRET}", "/auth/callback/github"):
            for method in ("GET", "POST", "BREW"):
                await client.request(method, path, params={"code": SECRET}, headers=headers, json={"password": SECRET})
                await client.request(method, path, params={"code": SECRET}, headers={"x-user": SECRET + "\x7f"})


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://idp.example.org/token?code={SECRET} failed",
        f"Retrying after connection broken: /v1.44/exec?detachKeys={SECRET}",
        f"cannot connect to redis://user:{SECRET}/x@db:6379/0",
        f"1 validation error [type=int_type, input_value='{SECRET}', input_type=str]",
        f"duplicate key value\nDETAIL:  Key (name)=({SECRET}) already exists.",
    ],
)
def test_what_libraries_and_errors_quote_is_left_out(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("debug", "json")
        logging.getLogger("some.library").warning("%s", text)
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger("tenure").exception("failed", extra={"because": text})
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    output = capsys.readouterr().err
    assert output.count("\n") == 2 and SECRET not in output
    assert "Traceback" in output and "test_logging.py" in output


@pytest.mark.parametrize("text", ["is it there?", "GET /health", "what? a=b", "postgresql://db:5432/tenure"])
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert logs.without_secrets(text) == text


@pytest.mark.parametrize("text", ["a?", "a://", "input_value=", "\x1b]"])
def test_a_long_text_is_read_once(text: str) -> None:
    """Read again from each place where a secret might begin, this would take hours, and nobody would be answered."""
    assert logs.without_secrets(text * 100_000) in (text * 100_000, "…")


def test_what_is_quoted_to_the_end_of_a_text_is_left_out() -> None:
    assert logs.without_secrets(f"input_value='{SECRET} and no more") == "…"
