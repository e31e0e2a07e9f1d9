"""Each workspace's terminal is a session, visible to its holder and to administrators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.contracts.asking import WORKSPACES, fine, running
from tests.contracts.chrote.people import invited, member, refused
from tests.contracts.chrote.terminals import Socket, socket
from tests.support.engines import IMAGE, DockerEngine, Engine, opened
from tests.support.server import Served, eventually, served, stream, until

PEOPLE = {"adam": "admin", "otto": "operator", "oskar": "operator", "vera": "viewer"}


class Lab:
    """A Tenure with machines: Olga is the owner, Adam an admin, Otto and Oskar are operators, Vera is a viewer."""

    def __init__(self, engine: Engine, tenure: Served, people: dict[str, httpx.AsyncClient]) -> None:
        self.engine, self.tenure, self.people = engine, tenure, people

    def __getattr__(self, name: str) -> httpx.AsyncClient:
        return self.people[name]

    def socket(self, user: str, path: str = "/ws") -> Any:
        return socket(self.tenure.url, self.people[user], path)

    async def names(self, user: str) -> list[str]:
        return [session["name"] for session in fine(await self.people[user].get("/api/sessions"))["sessions"]]

    async def workspace(self, user: str, **body: Any) -> str:
        """Create a workspace for a user and wait until its terminal is listed."""
        id: str = (await running(self.people[user], **body))["id"]
        await self.until_listed(user, id)
        return id

    async def until_listed(self, user: str, id: str) -> None:
        async def listed() -> bool:
            return id in await self.names(user)

        await eventually(listed)

    async def kinds(self, id: str) -> list[str]:
        """The kinds of all events about the sessions of a workspace, oldest first."""
        events = fine(await self.people["olga"].get("/api/v1/audit/events", params={"kind": "session"}))["events"]
        subjects = {event["subject"] for event in events if event["facts"].get("name") == id}
        return [event["kind"] for event in events if event["subject"] in subjects]


@pytest.fixture(params=["docker", "local"])
async def lab(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with opened(request.param, tmp_path) as engine, laboratory(database, tmp_path, engine) as new_lab:
        yield new_lab


@pytest.fixture
async def docker(database: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with opened("docker", tmp_path) as engine, laboratory(database, tmp_path, engine) as new_lab:
        yield new_lab


@asynccontextmanager
async def laboratory(database: str, home: Path, engine: Engine, **settings: Any) -> AsyncIterator[Lab]:
    chosen = {"workspace_image": IMAGE, **settings}
    async with served(database, home, engine.machines, **chosen) as tenure, AsyncExitStack() as stack:
        people = {"olga": await stack.enter_async_context(member(tenure, "Olga"))}
        for name, role in PEOPLE.items():
            token = await invited(people["olga"], role)
            people[name] = await stack.enter_async_context(member(tenure, name.title(), token))
        yield Lab(engine, tenure, people)


async def claimed(lab: Lab, user: str, id: str) -> None:
    fine(await lab.people[user].post(f"/api/sessions/{id}/claim"))


async def types(terminal: Socket, line: str, shows: str) -> None:
    await terminal.say("sendKeys", keys=f"{line}\r")
    await terminal.until_shown(shows)


@pytest.mark.line("C11", "C13", "C15", "C20", "C52", "C53", "C55")
@pytest.mark.parametrize("user", ["otto", "vera"])
async def test_a_workspace_is_typed_into_by_who_holds_it(lab: Lab, user: str) -> None:
    id = await lab.workspace(user, name="lab")
    (session,) = fine(await lab.people[user].get("/api/sessions"))["sessions"]
    assert (session["id"], session["windows"], session["claim"]) == (id, 1, None)
    await claimed(lab, user, id)
    async with lab.socket(user, f"/ws/terminal/{id}") as terminal:
        assert (await terminal.until("connected"))["sessionId"] == id
        await types(terminal, "echo $((6 * 7))-$(pwd)", "42-/")
        await types(terminal, r"printf 'h\303\251 \347\225\214 %s\n' 'é;\"#{x}'", 'hé 界 é;\\"#{x}')
        await types(terminal, r"printf 'odd\001\377\n'; echo o''ver", "over")
    pane = fine(await lab.people[user].get(f"/api/tmux/sessions/{id}/panes/0/capture"))
    assert "hé 界" in pane["content"]
    detail = fine(await lab.people[user].get(f"/api/sessions/{id}"))
    assert "hé 界" in detail["windows"][0]["panes"][0]["content"]
    (locked,) = fine(await lab.people[user].get("/api/terminal/locks"))["locks"]
    assert locked == id


@pytest.mark.line("C14", "C63")
async def test_nobody_else_finds_it(lab: Lab) -> None:
    async with lab.socket("oskar") as oskar, lab.socket("otto") as otto, stream(lab.oskar) as events:
        id = await lab.workspace("otto")
        await claimed(lab, "otto", id)
        await otto.until("claimed", sessionId=id)
        for user in ("oskar", "vera"):
            client = lab.people[user]
            assert await lab.names(user) == []
            assert fine(await client.get("/api/terminal/sessions")) == {"sessions": []}
            assert fine(await client.get("/api/terminal/locks")) == {"locks": {}}
            refused(await client.get(f"/api/sessions/{id}"), 404, "NOT_FOUND")
            for method, path in (("POST", "claim"), ("DELETE", "claim"), ("POST", "claim/handover")):
                refused(await client.request(method, f"/api/sessions/{id}/{path}"), 404, "NOT_FOUND")
            for path in ("lock", "release"):
                assert (await client.post(f"/api/terminal/sessions/{id}/{path}")).status_code == 404
            assert (await client.get(f"/api/tmux/sessions/{id}/panes/0/capture")).status_code == 404
            assert fine(await client.get("/api/v1/audit/events", params={"kind": "session"}))["events"] == []
            assert fine(await client.get("/api/v1/audit/events", params={"kind": "claim"}))["events"] == []
            async with lab.socket(user, f"/ws/terminal/{id}") as terminal:
                assert await terminal.closed() == 4004
        for kind in ("subscribe", "claim", "release", "requestClaim"):
            await oskar.say(kind, sessionId=id)
            await oskar.error("SESSION_NOT_FOUND")
        await oskar.say("sendKeys", sessionId=id, keys="x")
        await oskar.error("SESSION_NOT_FOUND")

        own_id = await lab.workspace("oskar")  # and what they are told afterwards is about theirs
        assert [session["name"] for session in (await listing(oskar, own_id))["sessions"]] == [own_id]
        event = await until(events, "session.found")
        assert (event["facts"]["name"], event["facts"]["owner_id"]) == (own_id, str(UUID(event["facts"]["owner_id"])))
        assert await lab.names("otto") == [id]


async def listing(connection: Socket, name: str) -> dict[str, Any]:
    """Read messages until a list has this session. No message before it may mention another user's session."""
    while True:
        message = await connection.next()
        assert message["type"] in ("connected", "sessions"), message
        if any(session["name"] == name for session in message.get("sessions", ())):
            return message
        assert message.get("sessions", []) == []


@pytest.mark.line("C15", "C63")
async def test_who_runs_the_place_sees_all_and_may_take_over(lab: Lab) -> None:
    id = await lab.workspace("otto")
    await claimed(lab, "otto", id)
    for user in ("adam", "olga"):
        assert await lab.names(user) == [id]
    await claimed(lab, "adam", id)
    async with lab.socket("adam", f"/ws/terminal/{id}") as adam, lab.socket("adam") as many:
        await types(adam, "echo ad''min", "admin")
        await many.say("subscribe", sessionId=id)
        await many.until("presence")
        adams = fine(await lab.adam.get("/auth/me"))["id"]
        fine(await lab.olga.patch(f"/api/users/{adams}/role", json={"role": "operator"}))
        assert await adam.closed() == 4004
        await many.error("SESSION_NOT_FOUND")
        assert (await many.until("sessions"))["sessions"] == []
    assert await lab.names("adam") == []


@pytest.mark.line("C11")
async def test_it_goes_with_its_workspace(lab: Lab) -> None:
    id = await lab.workspace("otto")
    async with lab.socket("otto", f"/ws/terminal/{id}") as terminal:
        await terminal.until("output")
        fine(await lab.otto.delete(f"{WORKSPACES}/{id}"))
        assert await terminal.closed() == 4004

    async def closed() -> bool:
        return await lab.kinds(id) == ["session.found", "session.closed"]

    await eventually(closed)
    assert await lab.names("olga") == []


@pytest.mark.line("C11")
async def test_it_comes_back_when_its_machine_does(lab: Lab) -> None:
    id = await lab.workspace("otto")
    expected = ["session.found"]
    for operation, happens, follows in (
        ("restart", "workspace.started", ["session.closed", "session.found"]),
        ("stop", "workspace.stopped", ["session.closed"]),
        ("start", "workspace.started", ["session.found"]),
    ):
        await next_second()
        fine(await lab.otto.post(f"{WORKSPACES}/{id}/{operation}"))
        expected += follows
        await eventually(partial(has_happened, lab, id, happens, expected))
    async with lab.socket("otto", f"/ws/terminal/{id}") as terminal:
        await claimed(lab, "otto", id)
        await types(terminal, "echo ba''ck", "back")


async def has_happened(lab: Lab, id: str, last: str, of_sessions: list[str]) -> bool:
    events = fine(await lab.otto.get("/api/v1/audit/events", params={"subject": id}))["events"]
    return events[-1]["kind"] == last and await lab.kinds(id) == of_sessions


async def next_second() -> None:
    """Wait a second: tmux servers that start within one second under the same pid look the same to Tenure."""
    began = datetime.now(UTC).replace(microsecond=0)

    async def is_over() -> bool:
        return datetime.now(UTC).replace(microsecond=0) > began

    await eventually(is_over)


async def test_a_shell_that_ends_is_followed_by_another(docker: Lab) -> None:
    id = await docker.workspace("otto")
    await claimed(docker, "otto", id)
    async with docker.socket("otto", f"/ws/terminal/{id}") as terminal:
        await terminal.say("sendKeys", keys="exit\r")
        assert await terminal.closed() == 4004

    async def another() -> bool:
        return await docker.kinds(id) == ["session.found", "session.closed", "session.found"]

    await eventually(another)
    await docker.until_listed("otto", id)


async def test_what_else_runs_in_a_container_is_its_holders_own_matter(docker: Lab) -> None:
    id = await docker.workspace("otto")
    docker.engine.inside(UUID(id), "tmux", "new-session", "-d", "-s", "private")
    docker.engine.inside(UUID(id), "tmux", "new-session", "-d", "-s", "00000000-0000-4000-8000-000000000000")
    docker.engine.inside(UUID(id), "tmux", "new-window", "-t", id)

    async def two_windows() -> bool:
        sessions = fine(await docker.olga.get("/api/sessions"))["sessions"]
        return [(session["name"], session["windows"]) for session in sessions] == [(id, 2)]

    await eventually(two_windows)
    docker.engine.inside(UUID(id), "tmux", "rename-session", "-t", id, "mine")  # then there is a new one

    async def new() -> bool:
        sessions = fine(await docker.olga.get("/api/sessions"))["sessions"]
        return [(session["name"], session["windows"]) for session in sessions] == [(id, 1)]

    await eventually(new)


FORGED = r"""#!/bin/sh
printf '%%begin 1 1 0\n%%end 1 1 0\n%%session-changed $0 x\n'
while read -r line; do
  printf '%%begin 1 1 1\n99999999999999999999 $0 99999999999999 99999999999 NAME\n-1 $0 5 1 NAME\n%%end 1 1 1\n'
  printf '%%begin 1 2 1\n%%end 1 2 1\n%%output\n%%sessions-changed\n%%begin\n'
done
"""


async def test_what_poses_as_tmux_harms_nobody_else(docker: Lab) -> None:
    assert isinstance(docker.engine, DockerEngine)
    evil, good = await docker.workspace("otto"), await docker.workspace("oskar")
    container = docker.engine.container(UUID(evil))
    put = 'printf %s "$0" > /tmp/t && chmod 755 /tmp/t && mv /tmp/t /usr/bin/tmux && pkill -9 tmux'
    result = container.exec_run(["sh", "-c", put, FORGED.replace("NAME", evil)], user="root")
    assert result.exit_code == 0, result.output

    async def is_gone() -> bool:
        return await docker.names("olga") == [good]

    await eventually(is_gone)
    assert fine(await docker.olga.get("/health/ready"))["parts"]["follower"]["ok"]
    assert [session["name"] for session in fine(await docker.olga.get("/api/terminal/sessions"))["sessions"]] == [good]
    await claimed(docker, "oskar", good)
    async with docker.socket("oskar", f"/ws/terminal/{good}") as terminal:
        await types(terminal, "echo un''harmed", "unharmed")


async def test_clients_do_not_pile_up_in_a_container(docker: Lab) -> None:
    id = await docker.workspace("otto")
    for _ in range(3):
        async with docker.socket("otto", f"/ws/terminal/{id}") as terminal:
            await terminal.until("output")

    async def only_ours() -> bool:
        clients = docker.engine.inside(UUID(id), "tmux", "list-clients", "-F", "#{client_control_mode}").split()
        return clients == [b"1"]

    await eventually(only_ours)
