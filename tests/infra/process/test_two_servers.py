"""Two servers in processes of their own, on one database and one tmux: who may type, and who is there."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.contracts.chrote.people import invited, sign_in
from tests.contracts.chrote.terminals import Socket, socket
from tests.support.processes import Spawned, spawned
from tests.support.server import eventually
from tests.support.tmux import Tmux

RAW = "import os,sys,tty; tty.setraw(0); f=open(sys.argv[1],'wb',0)\nwhile d:=os.read(0,65536): f.write(d)"
NAMES = "abcdefghijklmnopqrst"  # of twenty people: each types their own
SECONDS = 8.0


def apart(database: str, home: Path, tmux: Tmux, **settings: Any) -> AbstractAsyncContextManager[Spawned]:
    """A server of its own, on this tmux and without machines."""
    nowhere: dict[str, Any] = {"machines": "docker", "docker_url": "unix:///nowhere", "tmux_socket": tmux.socket}
    return spawned(database, home, **nowhere, **settings)


@dataclass(frozen=True)
class Typed:
    name: str
    began: datetime
    ended: datetime


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def member(url: str, name: str, token: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        await sign_in(client, name, token)
        yield client


async def has_session(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/api/sessions")).json()["sessions"])


async def behave(
    terminal: Socket, client: httpx.AsyncClient, name: str, chance: random.Random, typed_keys: list[Typed]
) -> None:
    """Claim, type and give back at random; note what was typed, and when it was asked and over."""
    until = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < until:
        match chance.choices(("claim", "release", "type", "wait"), (3, 1, 6, 2))[0]:
            case "claim":
                await client.post("/api/sessions/main/claim")
            case "release":
                await client.delete("/api/sessions/main/claim")
            case "type":
                began = now()
                await terminal.say("sendKeys", keys=name)
                await terminal.say("over")  # answered when the key was taken or refused
                answer = await terminal.until("error")
                if answer["code"] == "UNKNOWN_TYPE":
                    typed_keys.append(Typed(name, began, now()))
                else:
                    assert answer["code"] == "NOT_CLAIMED"
                    await terminal.error("UNKNOWN_TYPE")
            case "wait":
                await asyncio.sleep(chance.uniform(0, 0.4))


def claim_spans(events: list[dict[str, Any]], names: dict[str, str]) -> list[tuple[str, datetime, datetime]]:
    """Who had it from when until when, by the log."""
    spans: list[tuple[str, datetime, datetime]] = []
    for event in events:
        at, facts = datetime.fromisoformat(event["at"]), event["facts"]
        ends = datetime.fromisoformat(facts["expires_at"]) if "expires_at" in facts else None
        match event["kind"]:
            case "claim.taken" | "claim.taken_again":
                assert facts.get("from_id") is None
                assert not spans or at >= spans[-1][2], "taken while somebody had it"
                assert ends
                spans.append((names[facts["holder_id"]], at, ends))
            case "claim.renewed":
                holder, since, until = spans[-1]
                assert holder == names[facts["holder_id"]] and at <= until and ends
                spans[-1] = (holder, since, ends)
            case "claim.released":
                holder, since, until = spans[-1]
                assert names[event["by"]] == holder and at <= until
                spans[-1] = (holder, since, at)
            case "claim.expired":
                assert at >= spans[-1][2]
    return spans


async def test_no_key_is_taken_from_anybody_but_the_holder(database: str, tmp_path: Path, tmux: Tmux) -> None:
    typed = tmp_path / "typed"
    tmux.session("main", sys.executable, "-c", RAW, str(typed))
    chance = random.Random(7)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(apart(database, tmp_path / "1", tmux, claim_seconds="1"))
        role = {"role": "api", "claim_seconds": "1"}
        two = await stack.enter_async_context(apart(database, tmp_path / "2", tmux, **role))
        owner = await stack.enter_async_context(member(one.url, "owner"))
        await eventually(lambda: has_session(owner))
        token = await invited(owner, "operator")
        typed_keys: list[Typed] = []
        names, tasks = {}, []
        for n, name in enumerate(NAMES):
            client = await stack.enter_async_context(member((one, two)[n % 2].url, name, token))
            id = (await client.get("/auth/me")).json()["id"].removeprefix("user_")
            names[f"{id[:8]}-{id[8:12]}-{id[12:16]}-{id[16:20]}-{id[20:]}"] = name
            terminal = await stack.enter_async_context(socket((one, two)[n % 2].url, client, "/ws/terminal/main"))
            tasks.append(behave(terminal, client, name, random.Random(chance.random()), typed_keys))
        await asyncio.gather(*tasks)

        arrived = typed.read_text()
        assert sorted(arrived) == sorted(key.name for key in typed_keys), "what was taken arrived, and nothing else did"
        assert len(set(arrived)) > 3, "it went round"
        lines = await owner.get(
            "/api/v1/audit/events", params={"kind": "claim"}, headers={"Accept": "application/x-ndjson"}
        )
        spans = claim_spans([json.loads(line) for line in lines.text.splitlines()], names)
        for key in typed_keys:
            assert any(
                holder == key.name and since <= key.ended and key.began <= until for holder, since, until in spans
            ), key


async def viewers(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/api/sessions/main")
    return [viewer["name"] for viewer in answer.json().get("viewers", [])]


async def test_who_was_there_is_gone_when_their_server_is_killed(database: str, tmp_path: Path, tmux: Tmux) -> None:
    tmux.session("main", "cat")
    async with AsyncExitStack() as stack:
        one: Spawned = await stack.enter_async_context(apart(database, tmp_path / "1", tmux))
        two: Spawned = await stack.enter_async_context(apart(database, tmp_path / "2", tmux, role="api"))
        owner = await stack.enter_async_context(member(one.url, "owner"))
        await eventually(lambda: has_session(owner))
        token = await invited(owner)
        vera = await stack.enter_async_context(member(two.url, "vera", token))
        owner_socket = await stack.enter_async_context(socket(one.url, owner))
        await owner_socket.say("subscribe", sessionId="main")
        vera_socket = await stack.enter_async_context(socket(two.url, vera, "/ws/terminal/main"))
        await vera_socket.until("output")
        while {user["name"] for user in (await owner_socket.until("presence"))["users"]} != {"owner", "vera"}:
            pass
        assert set(await viewers(owner)) == {"owner", "vera"}
        two.kill()
        await two.has_died()
        while [user["name"] for user in (await owner_socket.until("presence"))["users"]] != ["owner"]:
            pass
        assert await viewers(owner) == ["owner"]
        with psycopg.connect(database) as conn:
            kinds = {kind for (kind,) in conn.execute("select kind from trail").fetchall()}
        assert not {kind for kind in kinds if "presence" in kind}
