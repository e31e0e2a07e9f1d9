"""Requests to ClaraTeach over HTTP, and checks of its answers."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.server import Served, eventually

WORKSHOPS = "/api/workshops"
KEY = "sk-ant-api03-the-key-of-this-test"
NEW = {"name": "Claude CLI Basics", "seats": 2, "api_key": KEY}
NOWHERE = f"{WORKSHOPS}/ws-zzzzzz"


def fine(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """Check that the answer is an error in ClaraTeach's shape, and return its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error"] and list(body["error"]) == ["code", "message"], body
    assert body["error"]["code"] == code, body
    assert body["error"]["message"].strip()
    return str(body["error"]["message"])


async def create_workshop(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post(WORKSHOPS, json=NEW | more)
    workshop: dict[str, Any] = fine(answer, 201)["workshop"]
    return workshop


async def get(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    workshop: dict[str, Any] = fine(await client.get(f"{WORKSHOPS}/{id}"))["workshop"]
    return workshop


async def until(client: httpx.AsyncClient, id: str, status: str) -> dict[str, Any]:
    async def reached() -> dict[str, Any] | None:
        workshop = await get(client, id)
        return workshop if workshop["status"] == status else None

    workshop: dict[str, Any] = await eventually(reached)
    return workshop


async def running(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    id = (await create_workshop(client, **more))["id"]
    fine(await client.post(f"{WORKSHOPS}/{id}/start"), 202)
    return await until(client, id, "running")


async def join(client: httpx.AsyncClient, code: str, **more: Any) -> dict[str, Any]:
    seat: dict[str, Any] = fine(await client.post("/api/join", json={"code": code, **more}))
    return seat


async def kinds(served: Served, number: str) -> list[str]:
    """The kinds of a workshop's events, oldest first."""
    subject = "(select subject from trail where facts->>'number' = %s)"
    sql = f"select kind from trail where subject = {subject} order by position"
    async with served.tenure.pool.connection() as conn:
        return [row[0] for row in await (await conn.execute(sql, (number,))).fetchall()]
