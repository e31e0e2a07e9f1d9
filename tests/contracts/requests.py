"""A request of every operation, about things that are there, so that a 404 says "not yours" and not "not there"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from tests.contracts.everybody import Everybody
from tests.contracts.neptuned.machines import LAB
from tests.contracts.neptuned.people import PASSWORD, fine
from tests.support.api_keys import bearing
from tests.support.server import eventually

NOWHERE = str(uuid4())
NUMBERS = count(1)
# Operations that name something more, which is not there: a 404 says nothing about permission.
ABSENT = {
    "POST /api/v1/workspaces/{id}/snapshots/{snapshot_id}/restore",
    "GET /api/v1/operations/{id}",
    "GET /auth/{provider}",
    "GET /auth/{provider}/callback",
    "GET /api/auth/{provider}",
    "GET /api/auth/{provider}/callback",
    "POST /api/invites/{token}/accept",
    "DELETE /api/sessions/{id}/claim",
    "POST /api/sessions/{id}/claim/handover",
    "POST /api/terminal/sessions/{id}/release",
    "POST /sessions/{session_id}/approve",
    "POST /sessions/{session_id}/reject",
    "DELETE /sessions/{session_id}/guests/{joiner_uuid}",
    "DELETE /api/workshops/{id}/learners/{seat}",
    "GET /api/session/{access_code}",
    "GET /vm/{seat}/files/{path}",
    "DELETE /vm/{seat}/files/{path}",
    "GET /api/v0/admin/vms/{vm}/history/{revision}",
    "POST /api/v1/orphans/{id}/adopt",
    "DELETE /api/v1/orphans/{id}",
    "POST /api/v1/work/{work_id}/retry",
    "DELETE /api/v1/work/{work_id}",
    "DELETE /api/v1/machines/{name}",
    "DELETE /api/v1/regions/{name}",
}
BODIES: dict[str, Any] = {
    "POST /api/v1/workspaces": {"name": "matrix"},
    "POST /api/v1/workspaces/{id}/extend": {"ttl_seconds": 60},
    "PATCH /api/users/{id}/role": {"role": "operator"},
    "POST /api/invites": {"role": "viewer"},
    "POST /user/api_keys": {"name": "matrix"},
    "POST /api/workshops": {"name": "matrix", "seats": 1, "api_key": "sk-ant-api03-the-key-of-this-test"},
    "POST /api/workshops/{id}/extend": {"seconds": 60},
    "POST /sessions/{session_id}/reject": {"joiner_uuid": NOWHERE},
    "PUT /vm/{seat}/files/{path}": {"content": "text"},
    "POST /api/v0/change_password": {"password": "battery staple"},
    "PATCH /api/v0/admin/config": {},
    "POST /api/v0/admin/users/{user_id}/change_type": {"type": "user"},
    "POST /api/v0/admin/users/{user_id}/change_password": {"password": "battery staple"},
    "PATCH /api/v0/admin/vms/{vm}": [],
    "PUT /api/v1/machines/{name}": {"image": "debian:12"},
    "PUT /api/v1/regions/{name}": {"url": "tcp://127.0.0.1:9", "host": "127.0.0.1"},
    "POST /api/v1/keys": {"name": "matrix"},
    "POST /api/v1/orphans/{id}/adopt": {"name": "matrix"},
    "PUT /api/v1/quotas/roles/{role}": {},
    "PUT /api/v1/quotas/users/{id}": {},
}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: Any


@dataclass
class Things:
    """Things of Olga's. One that a request may have used up is made anew for the next."""

    place: Everybody
    ids: dict[str, str] = field(default_factory=dict)

    async def request(self, operation: str) -> Request:
        """A request of this operation."""
        method, _, path = operation.partition(" ")
        if path.endswith(("/claim", "/claim/handover", "/lock", "/release")):
            await self.place.olga.client.delete("/api/sessions/main/claim")  # or one who asked before still holds it
        for name, value in (await self.path_values(operation)).items():
            path = path.replace(f"{{{name}}}", value)
        return Request(method, path, await self.body(operation))

    async def path_values(self, operation: str) -> dict[str, str]:
        """The value of each parameter of this operation's path."""
        names = [part.partition("}")[0] for part in operation.split("{")[1:]]
        return {name: await self.value(operation, name) for name in names}

    def used(self, operation: str) -> None:
        """Forget what a request of this operation may have changed or ended."""
        if not operation.startswith(("GET", "WS")):
            self.ids.clear()

    async def value(self, operation: str, name: str) -> str:
        """The value of a parameter of this operation's path."""
        path = operation.partition(" ")[2]
        if name in ("id", "session_id", "vm", "user_id", "alias") and path.split("/{")[0] in self.makers():
            kind = path.split("/{")[0]
            if kind not in self.ids:
                self.ids[kind] = await self.makers()[kind]()
            return self.ids[kind]
        fixed = {"seat": "01", "pane": "0", "session": "main", "provider": "nowhere", "name": f"m{next(NUMBERS)}"}
        fixed |= {"path": "notes.txt", "token": "x" * 16, "access_code": "AAAA-BBBB", "revision": "1", "role": "viewer"}
        return fixed.get(name, NOWHERE)

    def makers(self) -> dict[str, Callable[[], Awaitable[str]]]:
        """How a thing is made, by the path above it."""
        return {
            "/api/v1/workspaces": self.workspace,
            "/api/v1/audit/subjects": self.workspace,
            "/api/users": self.user,
            "/api/invites": self.invite,
            "/api/sessions": self.terminal,
            "/api/terminal/sessions": self.terminal,
            "/ws/terminal": self.terminal,
            "/user/api_keys": self.numbered_key,
            "/api/v1/keys": self.key,
            "/sessions": self.hosted_session,
            "/sse/session": self.hosted_session,
            "/sse/session/alias": self.alias,
            "/api/workshops": self.workshop,
            "/api/v0/admin/users": self.account,
            "/api/v0/admin/vms": self.vm,
            "/api/v0/list": self.running_vm,
            "/api/v0/screenshot": self.running_vm,
            "/api/v0/console": self.running_vm,
            "/api/v0/connect": self.running_vm,
            "/api/v1/quotas/users": self.user_id,
        }

    async def workspace(self) -> str:
        client = self.place.olga.client
        id: str = fine(await client.post("/api/v1/workspaces", json={"name": "hers"}))["id"]

        async def runs() -> bool:
            return bool(fine(await client.get(f"/api/v1/workspaces/{id}"))["status"] == "running")

        await eventually(runs)
        return id

    async def user(self) -> str:
        return (await self.place.person("viewer")).id

    async def user_id(self) -> str:
        return str(UUID((await self.place.person("viewer")).id.removeprefix("user_")))

    async def invite(self) -> str:
        return str((await self.place.olga.client.post("/api/invites", json={"role": "viewer"})).json()["id"])

    async def terminal(self) -> str:
        return "main"

    async def key(self) -> str:
        return str((await self.place.key(self.place.olga))["id"])

    async def numbered_key(self) -> str:
        key = await self.place.key(self.place.olga)
        async with self.place.program({"X-API-Key": self.place.olga_key}) as olga:
            keys = (await olga.get("/user/api_keys")).json()
        return next(str(one["id"]) for one in keys if one["prefix"] == key["prefix"])

    async def hosted_session(self) -> str:
        return str((await self.place.hosted_session({"X-API-Key": self.place.olga_key}))["session_id"])

    async def alias(self) -> str:
        return str((await self.place.hosted_session({"X-API-Key": self.place.olga_key}))["alias"])

    async def workshop(self) -> str:
        return str((await self.place.workshop(self.place.olga.cookie))["id"])

    async def account(self) -> str:
        name, _ = await self.place.vm_account()
        return await self.place.vm_account_id(name)

    async def vm(self) -> str:
        fields = {"id": f"vm{next(NUMBERS)}", "qemu_uuid": str(uuid4())}
        async with self.place.program(bearing(self.place.olga_key)) as olga:
            return str(fine(await olga.post("/api/v0/admin/vms/create", json=LAB | fields))["id"])

    async def running_vm(self) -> str:
        return "lab"

    async def body(self, operation: str) -> Any:
        number = next(NUMBERS)
        match operation:
            case "POST /sessions":
                return {"machine_id": "default", "region": "local", "pub_key": self.place.ask()["pub_key"]}
            case "POST /sessions/{session_id}/approve":
                return self.place.ask() | {"client_ip": "127.0.0.1", "joiner_uuid": NOWHERE}
            case "POST /sse/session/alias/{alias}/guest":
                return self.place.ask(f"guest{number}")
            case "POST /api/join":
                return {"code": (await self.place.workshop(self.place.olga.cookie, starts=True))["code"]}
            case "POST /api/register":
                code = (await self.place.workshop(self.place.olga.cookie))["code"]
                return {"workshop_code": code, "email": f"l{number}@example.org", "name": "Lena"}
            case "POST /api/auth/register":
                invite = (await self.place.olga.client.post("/api/invites", json={"role": "viewer"})).json()["token"]
                email = f"i{number}@example.org"
                return {"email": email, "password": PASSWORD, "name": f"Instructor {number}", "invite": invite}
            case "POST /api/auth/login":
                body = await self.body("POST /api/auth/register")
                async with self.place.program({}) as client:
                    assert (await client.post("/api/auth/register", json=body)).status_code < 300
                return {"email": body["email"], "password": PASSWORD}
            case "POST /api/v0/register" | "POST /api/v0/admin/users/create":
                return {"username": f"new{number}", "password": PASSWORD}
            case "POST /api/v0/login":
                name, _ = await self.place.vm_account()
                return {"username": name, "password": PASSWORD}
            case "POST /api/v0/admin/vms/create":
                return LAB | {"id": f"vm{number}", "qemu_uuid": str(uuid4())}
        return BODIES.get(operation)
