"""The running API answers as its published schema says, to requests made from that schema.

The requests have valid credentials and name things that exist. `make fuzz` sends many more of them.
"""

from __future__ import annotations

import asyncio
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import schemathesis
from rich.console import Console

from tests.contracts.fuzz.rounds import fuzz
from tests.contracts.fuzz.run import Fuzz, plain_case
from tests.contracts.fuzz.tally import Operation, Tally
from tests.contracts.fuzz.world import KnownThings

SEED, EXAMPLES = 1, 1
OPERATION = "GET /lamp"
SCHEMA: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "a lamp", "version": "1"},
    "paths": {
        "/lamp": {
            "get": {
                "responses": {
                    "200": {
                        "description": "how bright",
                        "content": {"application/json": {"schema": {"type": "integer"}}},
                    },
                    "503": {"description": "later", "content": {"application/json": {"schema": {}}}},
                }
            }
        }
    },
}


def printed(tally: Tally) -> str:
    output = StringIO()
    tally.print(Console(file=output))
    return output.getvalue()


async def test_every_answer_is_as_the_schema_says(database: str, tmp_path: Path) -> None:
    tally = Tally()
    await fuzz(database, tmp_path, tally, EXAMPLES, SEED)
    assert tally.is_good, printed(tally)


async def verdict(status: int, body: bytes, **headers: str) -> Tally:
    """What comes of one answer of an API whose schema is SCHEMA."""
    tally = Tally()
    run = Fuzz(cast(KnownThings, None), asyncio.get_running_loop(), tally, 1, 0)
    (operation,) = run.operations(schemathesis.openapi.from_dict(SCHEMA))
    all_headers = {"content-type": ["application/json"]} | {k.replace("_", "-"): [v] for k, v in headers.items()}
    request = requests.Request("GET", "http://127.0.0.1/lamp").prepare()
    answer = schemathesis.Response(status, all_headers, body, request, elapsed=0, verify=True)
    run.count(plain_case(operation), answer)
    return tally


async def test_an_answer_that_the_schema_has_is_good() -> None:
    assert (await verdict(200, b"7")).is_good


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"7", "Server error"),
        (418, b"7", "Undocumented status code"),
        (503, b"7", "Server error"),
        (200, b'"bright"', "Response violates schema"),
    ],
)
async def test_an_answer_that_the_schema_has_not_is_a_failure(status: int, body: bytes, says: str) -> None:
    tally = await verdict(status, body)
    assert not tally.is_good
    assert any(says in summary for summary in tally.failures), tally.failures
    assert OPERATION in printed(tally) and says in printed(tally)


async def test_a_documented_503_may_say_when_to_come_again() -> None:
    tally = await verdict(503, b"7", retry_after="1")
    assert tally.failures == {} and tally.never_succeeded == [OPERATION]


def test_a_run_is_good_when_95_of_100_operations_have_succeeded() -> None:
    tally = Tally()
    assert not tally.is_good
    for number in range(100):
        row = tally.operations[f"GET /{number}"] = Operation()
        row.statuses[404 if number < 5 else 200] += 1
    assert tally.is_good
    tally.operations["GET /99"].statuses.clear()
    assert not tally.is_good
