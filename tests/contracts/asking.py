"""Requests to vm-api over HTTP, and checks of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from tests.support.server import eventually

WORKSPACES = "/api/v1/workspaces"
NOBODY = "550e8400-e29b-41d4-a716-446655440000"  # an id that nothing has


# What follows /api/v1/ in addresses for administrators. They refuse everybody else with 403, whatever the id.
OF_ADMINISTRATORS = ("work", "orphans", "quotas")


def operations(schema: dict[str, Any], id: str = NOBODY) -> Iterator[tuple[str, str]]:
    """Every published method and address under /api/v1 that users have, with this id filled in."""
    for path, methods in schema["paths"].items():
        if path.startswith("/api/v1/") and path.split("/")[3] not in OF_ADMINISTRATORS:
            yield from ((method.upper(), path.format(id=id, snapshot_id=NOBODY, name="nowhere")) for method in methods)


def fine(answer: httpx.Response) -> Any:
    """Check that the answer is 200 with JSON, and return its body."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def refused(answer: httpx.Response, status: int, says: str = "") -> None:
    """Check that the answer is an error in vm-api's shape: this status, and one sentence under `error`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error"], body
    assert says in body["error"]
    assert body["error"].strip() and body["error"].isprintable()


async def create(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    workspace: dict[str, Any] = fine(await client.post(WORKSPACES, json={"name": "my-workspace", **body}))
    return workspace


async def get(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    workspace: dict[str, Any] = fine(await client.get(f"{WORKSPACES}/{id}"))
    return workspace


async def until_status(client: httpx.AsyncClient, id: str, status: str) -> dict[str, Any]:
    """Poll a workspace until it has this status and no operation is running on it."""

    async def settled() -> dict[str, Any] | None:
        workspace = await get(client, id)
        return workspace if (workspace["status"], workspace["metadata"]) == (status, None) else None

    reached: dict[str, Any] = await eventually(settled)
    return reached


async def until_gone(client: httpx.AsyncClient, id: str) -> httpx.Response:
    async def missing() -> httpx.Response | None:
        answer = await client.get(f"{WORKSPACES}/{id}")
        return answer if answer.status_code == 404 else None

    refusal: httpx.Response = await eventually(missing)
    return refusal


async def running(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    return await until_status(client, (await create(client, **body))["id"], "running")
