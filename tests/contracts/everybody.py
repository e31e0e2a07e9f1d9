"""One Tenure with everything that streams and sockets show: terminals, seats, machines; and new people at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.server import ServerConnection, serve

from domain.quota_defaults import MAX_THINGS, Kind
from domain.role import Role
from tests.contracts.chrote import terminals
from tests.contracts.chrote.people import browser, invited, sign_in
from tests.contracts.clarateach.teaching import create_workshop, join, running
from tests.contracts.neptuned.machines import started
from tests.contracts.neptuned.people import BASE, fine, log_in, register
from tests.contracts.warpdrive.people import host, public_key
from tests.support.api_keys import bearing, exchanged, new_key
from tests.support.engines import LocalEngine
from tests.support.painted_vms import Painted
from tests.support.server import WAIT_TIMEOUT_S, Served
from tests.support.tmux import tmux_server

NUMBERS = count(1)


@dataclass
class Person:
    """A member who has signed in, in a browser of their own."""

    name: str
    client: httpx.AsyncClient
    id: str  # as CHROTE calls them

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())}


@dataclass
class Everybody:
    """A running Tenure. Olga is the owner and administers virtual machines; `lab` is one that runs."""

    served: Served
    database: str  # its URL
    place: terminals.Place
    stack: AsyncExitStack
    olga: Person = field(init=False)
    olga_key: str = field(init=False)

    @property
    def url(self) -> str:
        return self.served.url

    def program(self, headers: Mapping[str, str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=WAIT_TIMEOUT_S)

    async def person(self, role: str = "operator") -> Person:
        """Somebody new with this role, in a new browser."""
        name = f"Person {next(NUMBERS)}"
        client = await self.stack.enter_async_context(browser(self.served))
        answer = await sign_in(client, name, await invited(self.olga.client, "operator" if role == "admin" else role))
        assert answer.headers["location"] == "/", answer.headers
        person = Person(name, client, (await client.get("/auth/me")).json()["id"])
        if role == "admin":
            fine(await self.olga.client.patch(f"/api/users/{person.id}/role", json={"role": role}))
        return person

    async def key(self, person: Person, **body: Any) -> dict[str, Any]:
        """A new key of a person: `id` and `key`."""
        return await new_key(person.client, **body)

    async def token(self, key: str) -> str:
        return await exchanged(self.url, key)

    async def vm_account(self, name: str = "") -> tuple[str, str]:
        """The name of a new VM account, and its token."""
        name = name or f"account{next(NUMBERS)}"
        async with self.program({}) as client:
            fine(await register(client, name))
            return name, fine(await log_in(client, name))["token"]

    async def vm_account_id(self, name: str) -> str:
        async with self.program(bearing(self.olga_key)) as olga:
            users = fine(await olga.get(f"{BASE}/admin/users"))
        return next(str(user["id"]) for user in users if user["username"] == name)

    async def workshop(self, headers: Mapping[str, str], *, starts: bool = False) -> dict[str, Any]:
        async with self.program(headers) as client:
            return await (running(client, seats=1) if starts else create_workshop(client))

    async def seat(self, code: str) -> dict[str, Any]:
        async with self.program({}) as client:
            return await join(client, code)

    async def hosted_session(self, headers: Mapping[str, str]) -> dict[str, Any]:
        async with self.program(headers) as client:
            return await host(client)

    def ask(self, user: str = "bob") -> dict[str, str]:
        """The body of a request to join."""
        return {"pub_key": public_key(user), "user": user}


@asynccontextmanager
async def neko() -> AsyncIterator[str]:
    """A display inside a seat's machine that speaks for itself. Yields its address."""

    async def talk(socket: ServerConnection) -> None:
        await socket.send("hello")
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


@asynccontextmanager
async def everybody(database: str, home: Path, **settings: Any) -> AsyncIterator[Everybody]:
    engine = LocalEngine(home)
    # Sessions are asked for by everybody, and nobody logs in to one here.
    setattr(engine.machines, "has_ssh", True)  # noqa: B010
    async with AsyncExitStack() as stack:
        stack.callback(engine.close)
        tmux = stack.enter_context(tmux_server())
        address = await stack.enter_async_context(neko())
        options: dict[str, Any] = {"engine": engine.machines, "hypervisor": Painted(), "sweep_seconds": 3600}
        options |= {"guesses_per_minute": 100_000, "accounts_per_hour": 100_000, "portal_auth": "required"}
        options |= {"workshops_per_hour": 100_000, "joins_per_hour": 100_000} | settings
        place = await stack.enter_async_context(terminals.opened(database, home / "home", tmux, **options))
        served = place.tenure

        async def neko_url(self: Any, machine: Any) -> str:
            return address

        displays = type(served.tenure.deps.clarateach.displays)
        before = displays.neko_url
        setattr(displays, "neko_url", neko_url)  # noqa: B010
        stack.callback(setattr, displays, "neko_url", before)
        await place.session("main")
        all_of_it = Everybody(served, database, place, stack)
        all_of_it.olga = Person("Olga", place.people["olga"], place.ids["olga"])
        all_of_it.olga_key = (await new_key(place.people["olga"]))["key"]
        async with all_of_it.program(bearing(all_of_it.olga_key)) as olga:
            await started(olga)
            for role in ("none", *Role):
                fine(await olga.put(f"/api/v1/quotas/roles/{role}", json=dict.fromkeys(Kind, MAX_THINGS)))
        yield all_of_it


async def until_done(task: asyncio.Task[Any]) -> Any:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        return await task
