"""Bad input gets the contract's error body with a helpful sentence, never a 500 or a stack trace (V34)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.contracts.asking import NOBODY, WORKSPACES, create, fine, operations, refused
from tests.support.server import Served, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"Content-Type": "application/json"}
BYTES_PER_MB = 1_000_000


async def post(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await client.post(WORKSPACES, content=body, headers=JSON)


MALFORMED = {
    "nothing": b"",
    "half an object": b'{"name": "a"',
    "half a string": b'{"name": "a',
    "no JSON": b"name=a",
    "single quotes": b"{'name': 'a'}",
    "a comma too many": b'{"name": "a",}',
    "two values": b'{"name": "a"} {}',
    "a comment": b'{"name": "a"} // a',
    "a NUL": b"\x00",
    "a NUL in the middle": b'{"name": \x00"a"}',
    "a control character": b'{"name": "a\x01"}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "half a character": b'{"name": "\xe7\x8e"}',
    "UTF-8 that is too long": b'{"name": "\xc0\xaf"}',
    "a bad escape": b'{"name": "\\x41"}',
    "half an escape": b'{"name": "\\u00"}',
    "deep arrays": b"[" * 100_000,
    "deep and closed": b'{"name": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 100_000,
    "a number of 5,000 digits": b'{"name": "a", "ttl_seconds": ' + b"9" * 5_000 + b"}",
}


@pytest.mark.line("V34")
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_body_that_cannot_be_read(anna: httpx.AsyncClient, body: bytes) -> None:
    refused(await post(anna, body), 400, "body")


@pytest.mark.line("V34")
@pytest.mark.parametrize("body", ["null", "true", "0", '"name"', "[]", '[{"name": "a"}]', "NaN"])
async def test_a_body_that_is_no_object(anna: httpx.AsyncClient, body: str) -> None:
    refused(await post(anna, body.encode()), 400, "the body must be a JSON object")


@pytest.mark.line("V34", "V06")
@pytest.mark.parametrize("name", [None, 1, 1.5, True, [], ["a"], {}, {"name": "a"}])
async def test_a_name_that_is_no_text(anna: httpx.AsyncClient, name: Any) -> None:
    refused(await anna.post(WORKSPACES, json={"name": name}), 400, "name")


@pytest.mark.line("V34", "V17")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "blank"),
        ("   ", "blank"),
        ("a" * 101, "at most 100"),
        ("a" * 10_000, "10000 characters"),
        ("王" * 10_000, "10000 characters"),
        ("a\0b", "control character U+0000"),
        ("a\nb", "control character U+000A"),
        ("\r\nSet-Cookie: a=b", "control character U+000D"),
        ("\x1b[2J", "control character U+001B"),
        ("\u202egnp.exe", "RIGHT-TO-LEFT OVERRIDE"),
        ("\ufeffa", "ZERO WIDTH NO-BREAK SPACE"),
        ("\ud800", "U+D800"),
    ],
    ids=ascii,
)
async def test_a_name_that_cannot_be_shown(anna: httpx.AsyncClient, name: str, says: str) -> None:
    refused(await post(anna, json.dumps({"name": name}).encode()), 400, says)


@pytest.mark.line("V34", "V24")
@pytest.mark.parametrize(
    "ttl",
    [
        *("0", "-0", "-1", "-9223372036854775809", "31536001", "9223372036854775807", "1" + "0" * 40),
        *("1.0", "1.5", "-0.0", "1e3", "1e400", "-1e400", "NaN", "Infinity", "-Infinity"),
        *("true", "false", '"3600"', '"PT1H"', '""', "[]", "[3600]", "{}"),
    ],
)
async def test_a_term_that_is_no_number_of_seconds(anna: httpx.AsyncClient, ttl: str) -> None:
    refused(await post(anna, b'{"name": "a", "ttl_seconds": %s}' % ttl.encode()), 400, "ttl_seconds")


@pytest.mark.line("V34", "V19")
@pytest.mark.parametrize("template", ["nosuch", "", " ", "NODEJS", "../default", "a\0b", "\ud800", "a" * 100_000])
async def test_a_template_that_there_is_not(anna: httpx.AsyncClient, template: str) -> None:
    answer = await post(anna, json.dumps({"name": "a", "template": template}).encode())
    refused(answer, 400, "default, nodejs, python")
    assert len(answer.content) < 1000


@pytest.mark.line("V34", "V19")
@pytest.mark.parametrize("template", [0, False, [], {}, ["nodejs"]])
async def test_a_template_that_is_no_text(anna: httpx.AsyncClient, template: Any) -> None:
    refused(await anna.post(WORKSPACES, json={"name": "a", "template": template}), 400, "template")


@pytest.mark.line("V34")
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ";", ""]
)
async def test_a_body_that_is_not_said_to_be_json(anna: httpx.AsyncClient, kind: str) -> None:
    answer = await anna.post(WORKSPACES, content=b'{"name": "a"}', headers={"Content-Type": kind})
    refused(answer, 400, "Content-Type: application/json")


@pytest.mark.line("V34")
async def test_a_body_that_does_not_say_what_it_is(anna: httpx.AsyncClient) -> None:
    refused(await anna.post(WORKSPACES, content=b'{"name": "a"}'), 400, "Content-Type: application/json")


async def test_of_two_fields_of_one_name_the_last_counts(anna: httpx.AsyncClient) -> None:
    assert fine(await post(anna, b'{"name": "\\u0000", "name": "b"}'))["name"] == "b"


async def test_a_body_where_none_is_needed_is_ignored(anna: httpx.AsyncClient) -> None:
    fine(await anna.request("GET", WORKSPACES, content=b"{", headers=JSON))
    refused(await anna.request("DELETE", f"{WORKSPACES}/{NOBODY}", content=b"\xff", headers=JSON), 404)


@pytest.mark.line("V34")
async def test_a_body_of_50_mb_that_says_so(anna: httpx.AsyncClient) -> None:
    refused(await post(anna, b" " * 50 * BYTES_PER_MB), 413, "larger")


@pytest.mark.line("V34")
async def test_a_body_of_50_mb_that_does_not_say_so(anna: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * BYTES_PER_MB

    refused(await anna.post(WORKSPACES, content=pieces(), headers=JSON), 413, "larger")


async def test_the_longest_body_is_taken_and_one_byte_more_is_not(house: Served, anna: httpx.AsyncClient) -> None:
    longest = house.tenure.settings.max_body_bytes
    fine(await post(anna, b'{"name": "a"}'.ljust(longest)))
    refused(await post(anna, b'{"name": "a"}'.ljust(longest + 1)), 413)


ODD_IDS = ["my-workspace", "0", "%00", "%ff%fe", "%2e%2e", "%F0%9F%A7%AA", f"{NOBODY}0", "'or'1'='1", "a" * 5_000]


@pytest.mark.line("V34", "V10")
@pytest.mark.parametrize("id", ODD_IDS, ids=lambda id: id[:20])
async def test_an_id_that_is_no_uuid_is_404_under_every_address(anna: httpx.AsyncClient, id: str) -> None:
    schema = (await anna.get("/openapi.json")).json()
    endpoints = [(method, path) for method, path in operations(schema, id) if id in path]
    assert len(endpoints) >= 12
    for method, path in endpoints:
        body = {"ttl_seconds": 60} if path.endswith("extend") else None
        refused(await anna.request(method, path, json=body), 404)


@pytest.mark.line("V34")
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("operations?workspace_id=0", "workspace_id"),
        ("operations?workspace_id=", "workspace_id"),
        ("operations?workspace_id=%00", "workspace_id"),
        ("audit/events?subject=0", "subject"),
        ("audit/events?kind=%00", "kind"),
        ("audit/events?kind='", "kind"),
        ("audit/events?kind=" + "a" * 101, "kind"),
        ("audit/events?since=yesterday", "since"),
        ("audit/events?since=%00", "since"),
        ("audit/events?since=1e999", "since"),
        ("audit/events?until=0000-00-00T00:00:00Z", "until"),
        ("audit/events?until=9999-12-31T23:59:59-14:00", "year 9999"),
        ("audit/events?after=-1", "after"),
        ("audit/events?after=1.5", "after"),
        ("audit/events?after=" + "9" * 30, "after"),
        ("audit/events?after=" + "9" * 5_000, "after"),
        ("audit/events?limit=0", "limit"),
        ("audit/events?limit=1001", "limit"),
        ("audit/events?limit=all", "limit"),
        ("audit/events?actor=" + "a" * 101, "actor"),
        (f"audit/subjects/{NOBODY}?at=tomorrow", "at must be"),
        (f"audit/subjects/{NOBODY}?at=-1", "at must be"),
        (f"audit/subjects/{NOBODY}?at=%00", "at must be"),
        (f"audit/subjects/{NOBODY}?at=" + "9" * 19, "at must be"),
        (f"audit/subjects/{NOBODY}?at=0001-01-01T00:00:00%2B14:00", "year 1"),
        ("events?subject=0", "subject"),
        ("events?after=-1", "after"),
        ("events?after=x", "after"),
        ("events?after=" + "9" * 5_000, "after"),
    ],
    ids=lambda value: value[:60],
)
async def test_a_bad_question(anna: httpx.AsyncClient, path: str, says: str) -> None:
    refused(await anna.get(f"/api/v1/{path}"), 400, says)


@pytest.mark.line("V34")
@pytest.mark.parametrize("name", ["%00", "%ff", "nobody", "a%0Ab", "'", "%F0%9F%A7%AA"])
async def test_an_actor_whom_nobody_knows(anna: httpx.AsyncClient, name: str) -> None:
    refused(await anna.get(f"/api/v1/audit/events?actor={name}"), 404, "no user is called")


@pytest.mark.line("V34")
@pytest.mark.parametrize("id", ["-1", "x", "1.5", "9" * 19, "0x10", "1 2"])
async def test_a_last_event_id_that_is_no_position(anna: httpx.AsyncClient, id: str) -> None:
    refused(await anna.get("/api/v1/events", headers={"Last-Event-ID": id}), 400, "Last-Event-ID")


@pytest.mark.line("V34", "V43")
@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\ud800", "a" * 10_000, " ", 1, None, [], {}], ids=ascii)
async def test_a_snapshots_name_that_cannot_be_shown(house: Served, anna: httpx.AsyncClient, name: Any) -> None:
    id = (await create(anna))["id"]

    async def runs() -> bool:
        return bool(fine(await anna.get(f"{WORKSPACES}/{id}"))["status"] == "running")

    await eventually(runs)
    body = json.dumps({"name": name}).encode()
    refused(await anna.post(f"{WORKSPACES}/{id}/snapshots", content=body, headers=JSON), 400, "name")
    fine(await anna.get(f"{WORKSPACES}/{id}/snapshots"))
