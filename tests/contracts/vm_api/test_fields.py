"""A workspace's fields (V16 to V29)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.contracts.asking import WORKSPACES, create, fine, get, running, until_status
from tests.support.server import Served

FIELDS = [
    "id",
    "name",
    "owner",
    "template",
    "provider",
    "status",
    "created_at",
    "updated_at",
    "ttl_seconds",
    "expires_at",
    "provider_id",
    "connection_info",
    "error_message",
    "metadata",
]
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def time(text: Any) -> datetime:
    assert RFC3339.fullmatch(text), text
    return datetime.fromisoformat(text)


async def test_all_fields_are_there_also_those_that_are_null(alice: httpx.AsyncClient) -> None:
    new = await create(alice)
    ready = await until_status(alice, new["id"], "running")
    (listed,) = fine(await alice.get(WORKSPACES))
    for workspace in (new, ready, listed):
        assert list(workspace) == FIELDS


@pytest.mark.line("V16")
async def test_id(alice: httpx.AsyncClient) -> None:
    id = (await create(alice))["id"]
    assert str(UUID(id)) == id


@pytest.mark.line("V17")
async def test_name(alice: httpx.AsyncClient) -> None:
    for name in ("my-workspace", "a", "a" * 100, "Zoës Labor 王 🧪", "<b>&amp;\"'"):
        assert (await running(alice, name=name))["name"] == name
    assert (await running(alice, name=" spaced\u3000out "))["name"] == "spaced out"  # names have one form


@pytest.mark.line("V18")
async def test_owner(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert one["owner"] == "alice"


@pytest.mark.line("V19")
async def test_template(alice: httpx.AsyncClient) -> None:
    assert (await create(alice, template="nodejs"))["template"] == "nodejs"
    assert (await create(alice))["template"] is None


@pytest.mark.line("V20")
async def test_provider(tenure: Served, alice: httpx.AsyncClient) -> None:
    assert (await create(alice))["provider"] == tenure.engine.provider


@pytest.mark.line("V21")
async def test_status(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await create(alice)
    assert one["status"] == "creating"
    await until_status(alice, one["id"], "running")
    await alice.post(f"{WORKSPACES}/{one['id']}/stop")
    await until_status(alice, one["id"], "stopped")
    tenure.engine.refuses = "there is no such image"
    await until_status(alice, (await create(alice))["id"], "failed")


@pytest.mark.line("V22")
async def test_created_at(alice: httpx.AsyncClient) -> None:
    new = await create(alice)
    ready = await until_status(alice, new["id"], "running")
    assert time(new["created_at"]) == time(ready["created_at"])


@pytest.mark.line("V23")
async def test_updated_at(alice: httpx.AsyncClient) -> None:
    new = await create(alice)
    assert time(new["updated_at"]) == time(new["created_at"])
    ready = await until_status(alice, new["id"], "running")
    assert time(ready["updated_at"]) > time(new["updated_at"])
    await alice.post(f"{WORKSPACES}/{new['id']}/stop")
    stopped = await until_status(alice, new["id"], "stopped")
    assert time(stopped["updated_at"]) > time(ready["updated_at"])


@pytest.mark.line("V24", "V25")
async def test_ttl_and_expires_at(alice: httpx.AsyncClient) -> None:
    for ttl in (1, 3600, 86400, 31_536_000):
        workspace = await create(alice, ttl_seconds=ttl)
        assert workspace["ttl_seconds"] == ttl
        assert time(workspace["expires_at"]) == time(workspace["created_at"]) + timedelta(seconds=ttl)


@pytest.mark.line("V24", "V25")
async def test_without_a_term_nothing_expires(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert (one["ttl_seconds"], one["expires_at"]) == (None, None)
    assert (await create(alice, ttl_seconds=None))["expires_at"] is None


@pytest.mark.line("V25")
async def test_what_is_running_expires_when_it_was_said_to(alice: httpx.AsyncClient) -> None:
    new = await create(alice, ttl_seconds=3600)
    ready = await until_status(alice, new["id"], "running")
    assert ready["expires_at"] == new["expires_at"]


@pytest.mark.line("V26")
async def test_provider_id(tenure: Served, alice: httpx.AsyncClient) -> None:
    new = await create(alice)
    assert new["provider_id"] is None
    ready = await until_status(alice, new["id"], "running")
    assert ready["provider_id"] == tenure.engine.machines[UUID(new["id"])].provider_id
    assert new["id"] in ready["provider_id"]


@pytest.mark.line("V27")
async def test_connection_info(tenure: Served, alice: httpx.AsyncClient) -> None:
    new = await create(alice, name="my-workspace")
    assert new["connection_info"] is None
    info = (await until_status(alice, new["id"], "running"))["connection_info"]
    assert info["container_id"] == tenure.engine.machines[UUID(new["id"])].engine_id
    assert info["ssh_command"] == "vm ssh my-workspace"


@pytest.mark.line("V28")
async def test_error_message(tenure: Served, alice: httpx.AsyncClient) -> None:
    assert (await running(alice))["error_message"] is None
    tenure.engine.refuses = "there is no such image"
    failed = await until_status(alice, (await create(alice))["id"], "failed")
    assert failed["error_message"] == "there is no such image"


@pytest.mark.line("V29")
async def test_metadata(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert one["metadata"] is None
    tenure.engine.away = True
    stopping = fine(await alice.post(f"{WORKSPACES}/{one['id']}/stop"))
    assert stopping["metadata"] == {"operation": "stop"}
    assert (await get(alice, one["id"]))["metadata"] == {"operation": "stop"}
