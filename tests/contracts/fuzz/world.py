"""Valid credentials and ids of things that exist, for each operation of each contract."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from application.ports.machines import Machine
from domain.quota_defaults import MAX_THINGS, Kind
from domain.role import Role
from infra.eventlog import worker
from interfaces.permissions import PERMISSIONS, Credential
from tests.contracts.everybody import NUMBERS
from tests.contracts.neptuned.machines import until_state
from tests.contracts.neptuned.people import PASSWORD, fine
from tests.contracts.requests import Things
from tests.contracts.warpdrive.people import host, public_key
from tests.support.api_keys import bearing
from tests.support.fake_engine import Engine
from tests.support.server import eventually

REGION = "paris"  # its engine is in memory: it has SSH, and a test may put machines into it
RETRY = timedelta(milliseconds=1)
OWN_LOGIN = {"POST /auth/logout", "POST /api/auth/logout", "GET /auth/dev", "GET /api/auth/dev"}
OWN_ACCOUNT = {"POST /api/v0/logout", "POST /api/v0/change_password", "POST /api/v0/delete_account"}
PARAMETER = re.compile(r"{\w+}")
TABLE = {PARAMETER.sub("{}", operation): operation for operation in PERMISSIONS}
VM_CONFIG = "/api/v0/admin/config"


def of_the_table(operation: str) -> str:
    """The operation as the table of permissions has it: there, a parameter of the path may have another name."""
    return TABLE[PARAMETER.sub("{}", operation)]


@dataclass(frozen=True)
class Example:
    """A request that the operation should fulfil."""

    path: dict[str, str]
    body: Any
    query: dict[str, str] = field(default_factory=dict)


class FailingEngine(Engine):
    """An engine in memory that cannot make the next machine, for a reason that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(before=self.fail)
        self.fails = False

    async def fail(self, call: str, about: UUID | None) -> None:
        if call == "ensure_running" and self.fails:
            raise ValueError("this machine cannot be made")


@dataclass
class KnownThings(Things):
    """Everything that a path or a body can name, made when an operation needs it."""

    engine: FailingEngine = field(default_factory=FailingEngine)
    vm_config: dict[str, Any] = field(default_factory=dict)

    async def headers(self, operation: str) -> dict[str, str]:
        """Credentials with which this operation is allowed."""
        credential = PERMISSIONS[of_the_table(operation)].credential
        if operation in OWN_LOGIN:
            return (await self.place.person()).cookie
        if operation in OWN_ACCOUNT:
            return bearing((await self.place.vm_account())[1])
        match credential:
            case Credential.NONE:
                return {}
            case Credential.KEY if operation.startswith("DELETE /user/api_keys"):
                return {"X-API-Key": (await self.place.key(self.place.olga))["key"]}  # it may name itself
            case Credential.KEY | Credential.KEY_ITSELF:
                return {"X-API-Key": self.place.olga_key}
            case Credential.ACCOUNT:
                return bearing(self.place.olga_key)
            case Credential.SEAT:
                return bearing((await self.seat())["token"])
        return self.place.olga.cookie

    async def example(self, operation: str) -> Example:
        """A request of this operation that names things that exist."""
        prepare = self.preparations().get(operation)
        if prepare is not None:
            return await prepare()
        return Example(await self.path_values(operation), await self.body(operation), self.query(operation))

    def query(self, operation: str) -> dict[str, str]:
        return {"name": f"Newcomer {next(NUMBERS)}"} if operation.endswith("/auth/dev") else {}

    def used(self, operation: str) -> None:
        """Forget the things that a request of this operation may have changed or ended."""
        path = operation.partition(" ")[2]
        if not operation.startswith("GET"):
            for kind in [kind for kind in self.ids if path.startswith(f"{kind}/")]:
                del self.ids[kind]

    async def restore(self) -> None:
        """Raise the quotas again, put the configuration of virtual machines back, and make a new key."""
        self.place.olga_key = (await self.place.key(self.place.olga))["key"]
        async with self.place.program(bearing(self.place.olga_key)) as olga:
            for role in ("none", *Role):
                fine(await olga.put(f"/api/v1/quotas/roles/{role}", json=dict.fromkeys(Kind, MAX_THINGS)))
            self.vm_config = self.vm_config or fine(await olga.get(VM_CONFIG))
            fine(await olga.patch(VM_CONFIG, json=self.vm_config))

    def preparations(self) -> dict[str, Callable[[], Awaitable[Example]]]:
        """How an example is made where path and body belong together, by operation."""
        return {
            "POST /api/v1/workspaces/{id}/snapshots/{snapshot_id}/restore": self.snapshot,
            "GET /api/v1/operations/{id}": self.operation,
            "POST /api/v1/workspaces/{id}/extend": self.with_a_term,
            "POST /api/workshops/{id}/extend": self.workshop_with_a_term,
            "POST /api/invites/{token}/accept": self.invite_token,
            "GET /api/invites/{token}/validate": self.invite_token,
            "GET /invite/{token}": self.invite_token,
            "DELETE /api/sessions/{id}/claim": self.claimed,
            "POST /api/sessions/{id}/claim": self.unclaimed,
            "POST /api/terminal/sessions/{id}/lock": self.unclaimed,
            "POST /api/terminal/sessions/{id}/release": self.claimed,
            "POST /api/sessions/{id}/claim/handover": self.handover,
            "POST /sessions/{session_id}/approve": self.waiting,
            "POST /sessions/{session_id}/reject": self.waiting,
            "DELETE /sessions/{session_id}/guests/{joiner_uuid}": self.waiting,
            "DELETE /api/workshops/{id}/learners/{seat}": self.taken_seat,
            "POST /api/workshops/{id}/stop": self.running_workshop,
            "GET /api/session/{access_code}": self.access_code,
            "GET /vm/{seat}/files/{path}": self.file,
            "DELETE /vm/{seat}/files/{path}": self.file,
            "GET /vm/{seat}/files": self.in_seat,
            "GET /vm/{seat}/browser/": self.in_seat,
            "PUT /vm/{seat}/files/{path}": self.new_file,
            "GET /api/v0/admin/vms/{vm}/history/{revision}": self.revision,
            "POST /api/v0/admin/vms/{vm}/stop": self.started_vm,
            "POST /api/v0/admin/vms/{vm}/restart": self.started_vm,
            "POST /api/v0/admin/users/{user_id}/unban": self.banned,
            "POST /api/v1/orphans/{id}/adopt": self.orphan,
            "DELETE /api/v1/orphans/{id}": self.orphan,
            "POST /api/v1/work/{work_id}/retry": self.parked_work,
            "DELETE /api/v1/work/{work_id}": self.parked_work,
            "DELETE /api/v1/machines/{name}": self.machine_config,
            "DELETE /api/v1/regions/{name}": self.region,
        }

    @property
    def olga(self) -> httpx.AsyncClient:
        return self.place.olga.client

    async def hosted_session(self) -> str:
        return str((await self.session())["session_id"])

    async def alias(self) -> str:
        return str((await self.session())["alias"])

    async def session(self) -> dict[str, Any]:
        """A hosted session on the engine that has SSH."""
        async with self.place.program({"X-API-Key": self.place.olga_key}) as olga:
            return await host(olga, region=REGION)

    async def body(self, operation: str) -> Any:
        match operation:
            case "POST /sessions":
                return {"machine_id": "default", "region": REGION, "pub_key": public_key("owner")}
            case "POST /api/v0/change_password":
                return {"password": "battery staple", "old_password": PASSWORD}
        return await super().body(operation)

    async def with_a_term(self) -> Example:
        workspace = fine(await self.olga.post("/api/v1/workspaces", json={"name": "brief", "ttl_seconds": 3600}))
        return Example({"id": workspace["id"]}, {"ttl_seconds": 60})

    async def workshop_with_a_term(self) -> Example:
        """A workshop's term begins when it runs."""
        return Example((await self.running_workshop()).path, {"seconds": 3600})

    async def snapshot(self) -> Example:
        id = await self.workspace()
        path = f"/api/v1/workspaces/{id}/snapshots"
        snapshot = fine(await self.olga.post(path, json={"name": "before"}))["id"]

        async def is_taken() -> bool:
            rows = fine(await self.olga.get(path))
            return bool(fine(await self.olga.get(f"/api/v1/workspaces/{id}"))["metadata"] is None and rows)

        await eventually(is_taken)
        return Example({"id": id, "snapshot_id": snapshot}, None)

    async def operation(self) -> Example:
        rows = fine(await self.olga.get("/api/v1/operations"))
        if not rows:
            await self.workspace()
            rows = fine(await self.olga.get("/api/v1/operations"))
        return Example({"id": str(rows[0]["id"])}, None)

    async def invite_token(self) -> Example:
        answer = await self.olga.post("/api/invites", json={"role": "viewer"})
        return Example({"token": answer.json()["token"]}, None)

    async def unclaimed(self) -> Example:
        await self.olga.delete("/api/sessions/main/claim")
        return Example({"id": "main"}, None)

    async def claimed(self) -> Example:
        await self.olga.post("/api/sessions/main/claim")
        return Example({"id": "main"}, None)

    async def handover(self) -> Example:
        """Otto holds the claim, whom Olga asks for it."""
        await self.unclaimed()
        fine(await self.place.place.people["otto"].post("/api/sessions/main/claim"))
        return Example({"id": "main"}, None)

    async def waiting(self) -> Example:
        """A guest who waits for an answer; the guest's stream is open until the world ends."""
        key = {"X-API-Key": self.place.olga_key}
        guest_key = (await self.place.key(await self.place.person("operator")))["key"]
        async with self.place.program(key) as olga:
            session = await self.session()
            user = f"guest{next(NUMBERS)}"
            body = {"pub_key": public_key(user), "user": user}
            guest = await self.place.stack.enter_async_context(self.place.program({"X-API-Key": guest_key}))
            path = f"/sse/session/alias/{session['alias']}/guest"
            await self.place.stack.enter_async_context(guest.stream("POST", path, json=body))

            async def request() -> Any:
                guests = fine(await olga.get(f"/sessions/{session['session_id']}/guests"))
                return guests and guests[0]

            row = await eventually(request)
        body |= {"client_ip": row["client_ip"], "joiner_uuid": row["joiner_uuid"]}
        return Example({"session_id": session["session_id"], "joiner_uuid": row["joiner_uuid"]}, body)

    async def seat(self) -> dict[str, Any]:
        """A seat of a workshop that runs, which stays the same until it ends."""
        if "seat" not in self.seats:
            workshop = await self.place.workshop(self.place.olga.cookie, starts=True)
            self.seats["seat"] = await self.place.seat(workshop["code"]) | {"workshop": workshop}
        return self.seats["seat"]

    seats: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def in_seat(self) -> Example:
        return Example({"seat": str((await self.seat())["seat"])}, None)

    async def new_file(self) -> Example:
        return Example({**(await self.in_seat()).path, "path": "notes.txt"}, {"content": "text"})

    async def file(self) -> Example:
        example = await self.new_file()
        async with self.place.program(await self.headers("PUT /vm/{seat}/files/{path}")) as learner:
            fine(await learner.put(f"/vm/{example.path['seat']}/files/notes.txt", json=example.body))
        return Example(example.path, None)

    async def running_workshop(self) -> Example:
        workshop = await self.place.workshop(self.place.olga.cookie, starts=True)
        return Example({"id": workshop["id"]}, None)

    async def taken_seat(self) -> Example:
        workshop = await self.place.workshop(self.place.olga.cookie, starts=True)
        seat = await self.place.seat(workshop["code"])
        return Example({"id": workshop["id"], "seat": str(seat["seat"])}, None)

    async def access_code(self) -> Example:
        body = await self.body("POST /api/register")
        async with self.place.program({}) as client:
            answer = await client.post("/api/register", json=body)
        return Example({"access_code": answer.json()["access_code"]}, None)

    async def revision(self) -> Example:
        async with self.place.program(bearing(self.place.olga_key)) as olga:
            rows = fine(await olga.get("/api/v0/admin/vms/lab/history"))
        return Example({"vm": "lab", "revision": str(rows[0]["revision"])}, None)

    async def started_vm(self) -> Example:
        vm = await self.vm()
        async with self.place.program(bearing(self.place.olga_key)) as olga:
            fine(await olga.post(f"/api/v0/admin/vms/{vm}/start"))
            await until_state(olga, "running", vm)
        return Example({"vm": vm}, None)

    async def banned(self) -> Example:
        id = await self.account()
        async with self.place.program(bearing(self.place.olga_key)) as olga:
            fine(await olga.post(f"/api/v0/admin/users/{id}/ban", json={}))
        return Example({"user_id": id}, None)

    async def orphan(self) -> Example:
        id = uuid4()
        self.engine.machines[id] = Machine(
            id, f"tenure-{id}", uuid4().hex, True, {"host": "127.0.0.1"}, is_of_this_log=False
        )
        tenure = self.place.served.tenure

        async def row() -> Any:
            await tenure.sweep.run_once()
            rows = fine(await self.olga.get("/api/v1/orphans"))
            return next((row for row in rows if str(id) in row["name"]), None)

        return Example({"id": (await eventually(row))["id"]}, {"name": f"adopted-{next(NUMBERS)}"})

    async def parked_work(self) -> Example:
        before = worker.FIRST_RETRY, worker.LAST_RETRY
        worker.FIRST_RETRY = worker.LAST_RETRY = RETRY
        self.engine.fails = True
        hosting = asyncio.create_task(self.session())  # answered when its machine runs, which it never does
        try:

            async def rows() -> Any:
                return fine(await self.olga.get("/api/v1/work"))

            parked = await eventually(rows)
        finally:
            self.engine.fails = False
            hosting.cancel()
            await asyncio.gather(hosting, return_exceptions=True)
            worker.FIRST_RETRY, worker.LAST_RETRY = before
        return Example({"work_id": str(parked[0]["id"])}, None)

    async def machine_config(self) -> Example:
        name = f"m{next(NUMBERS)}"
        answer = await self.olga.put(f"/api/v1/machines/{name}", json={"image": "debian:12"})
        assert answer.status_code < 300, answer.text
        return Example({"name": name}, None)

    async def region(self) -> Example:
        name = f"r{next(NUMBERS)}"
        body = {"url": "tcp://127.0.0.1:9", "host": "127.0.0.1"}
        answer = await self.olga.put(f"/api/v1/regions/{name}", json=body)
        assert answer.status_code < 300, answer.text
        return Example({"name": name}, None)
