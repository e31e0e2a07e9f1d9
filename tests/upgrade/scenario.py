"""What happens in the database that is dumped: everything that can, once, asked for as clients ask for it.

Commands go over HTTP, and what the world does happens to the engines and the hypervisor in memory. Only what comes
from a tmux server, from the sweep, or over a stream that has to stay open, is told to the application itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.upgrade.product import Clock, Engine, FakeHypervisor, Inside, JoinRequest, Served, Words

BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SETTLED_S = 20.0
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
SECRET = "a sealing secret that seals nothing but this dump"  # TENURE_SEALING_SECRET of the dump
SETTINGS: dict[str, Any] = {
    "public_url": "http://localhost:3000",
    "sealing_secret": SECRET,
    "auditors": ["carol"],
    "sweep_seconds": DAY_S,
    "workspace_terminals": False,
    "accounts_per_hour": 1000,
    "workshops_per_hour": 1000,
    "joins_per_hour": 1000,
    "guesses_per_minute": 1000,
    "joins_per_minute": 1000,
}
ENGINE_OF_PARIS = {"url": "tcp://10.0.0.2:2375", "host": "paris.example.org"}
SMALL = {"image": "lab:1", "cpus": 0.5, "memory_mb": 256, "disk_mb": 1000, "ports": [22], "user": "lab"}
# Everything that was to be done by then, or is in somebody's hands, has been; and the lists have all that happened.
SETTLED = """
select failed is null and position = (select coalesce(max(notification_id), 0) from tenure_events)
    and not exists (select from work where run_at <= %s or holder is not null)
from follower
"""
FOLDED = "select position = (select max(notification_id) from tenure_events) from follower"
HAPPENED = "select count(*) from tenure_events where topic like %s"

CPU = {"id": "cpu", "type": "cpu", "cpu_model": "qemu64", "cpu_features": [], "cpu_cores": 2}
DRIVE = {"id": "disk", "type": "drive", "drive_type": "ssd", "drive_cache_type": "writeback"}
DRIVE |= {"drive_use_io_uring": False, "drive_bus": "ide", "drive_image": "disk.qcow2"}
DRIVE |= {"drive_bps_limit": "15000000 25000000", "drive_iops_limit": "1000 1500"}
DISPLAY = {"id": "display", "type": "display", "display_type": "vga", "display_vgamem_mb": 16}
VM = {"hypervisor": "qemu", "autostart": False, "private": False, "qemu_use_uefi": False, "qemu_enable_agent": False}
VM |= {"qemu_uuid": "6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a01", "qemu_machine_type": "pc", "qemu_machine_version": ""}
VM |= {"qemu_devices": [CPU, DRIVE, DISPLAY]}


@dataclass
class World:
    """A running server, those who ask it, and what they hold in their hands."""

    served: Served
    database: str
    clock: Clock
    engine: Engine
    paris: Engine
    hypervisor: FakeHypervisor
    words: Words
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)  # by who has them, the headers they come with
    secrets: dict[str, Any] = field(default_factory=dict)  # whatever else opens something
    ids: dict[str, Any] = field(default_factory=dict)
    settles: bool = True  # a follower and a worker are at work; else time stands still, so that nothing becomes due

    @property
    def inside(self) -> Inside:
        return Inside(self.served, self.clock)

    def comes(self, name: str, **headers: str) -> httpx.AsyncClient:
        """Somebody who comes with these headers from now on."""
        self.credentials[name] = headers
        client = httpx.AsyncClient(base_url=self.served.url, headers=headers, timeout=SETTLED_S)
        self.clients[name] = client
        return client

    async def ask(self, who: str, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """A second later, somebody asks this; the answer's body, once all that follows has happened."""
        if self.settles:
            self.clock.forward(1)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.clients[who].request(method, path, json=body, headers=named)
        assert answer.status_code == status, (who, method, path, answer.status_code, answer.text)
        await self.settled()
        return answer.json() if answer.content else None

    async def settled(self) -> None:
        if self.settles:
            await until_settled(self.database, self.clock())

    async def later(self, seconds: float) -> None:
        """So much time passes, and what is due by then is done."""
        self.clock.forward(seconds)
        await self.settled()

    async def happened(self, topic: str) -> None:
        """Wait for an event that nobody asked for."""
        async with asyncio.timeout(SETTLED_S), await self._connection() as conn:
            while (await (await conn.execute(HAPPENED, (f"%:{topic}",))).fetchone()) == (0,):
                await asyncio.sleep(0.01)
        await self.settled()

    async def swept(self, id: UUID) -> None:
        """The sweep looks at one machine."""
        self.clock.forward(1)
        await self.inside.sweep(id)
        await self.settled()

    async def _connection(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self.database, autocommit=True)

    async def close(self) -> None:
        for client in self.clients.values():
            await client.aclose()


async def until_settled(database: str, now: datetime) -> None:
    """All that was to be done by now is done."""
    async with asyncio.timeout(SETTLED_S), await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        while (await (await conn.execute(SETTLED, (now,))).fetchone()) != (True,):
            await conn.execute("notify tenure_work")
            await asyncio.sleep(0.01)


async def until_folded(database: str) -> None:
    """The lists have all that happened."""
    async with asyncio.timeout(SETTLED_S), await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        while (await (await conn.execute(FOLDED)).fetchone()) != (True,):
            await asyncio.sleep(0.01)


def public_key(name: str) -> str:
    """An SSH public key, the same one for the same name."""
    made = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"\0")[:32]).public_key()
    return made.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


async def everything(world: World) -> None:
    await people(world)
    await keys(world)
    await catalogues(world)
    await workspaces(world)
    await machines_that_differ(world)
    await terminals(world)
    await hosted_sessions(world)
    await workshops(world)
    await vm_accounts(world)
    await vms(world)
    await rows_of_what_is_under_way(world)


# -- the place and its people ------------------------------------------------------


async def signed_in(world: World, name: str, invite: str | None = None) -> None:
    """Somebody with a cookie."""
    world.clock.forward(1)
    async with httpx.AsyncClient(base_url=world.served.url, timeout=SETTLED_S) as browser:
        params = {"name": name.capitalize()} | ({"invite": invite} if invite else {})
        came = await browser.get("/auth/dev", params=params)
        assert came.status_code == 302 and came.headers["location"] == "/", came.headers
        (cookie,) = [f"{key}={value}" for key, value in browser.cookies.items()]
    world.comes(name, cookie=cookie)
    await world.settled()
    world.ids[name] = (await world.ask(name, "GET", "/auth/me"))["id"]


async def invite(world: World, role: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = await world.ask("olga", "POST", "/api/invites", {"role": role, **more}, 201)
    return made


async def people(world: World) -> None:
    await signed_in(world, "olga")  # the first: she owns the place
    await signed_in(world, "adam", (await invite(world, "admin", max_uses=1))["token"])
    many = await invite(world, "operator")
    await signed_in(world, "otto", many["token"])
    await signed_in(world, "oskar", many["token"])
    await signed_in(world, "vera", (await invite(world, "viewer"))["token"])
    await signed_in(world, "wanda", (await invite(world, "viewer"))["token"])
    await signed_in(world, "ulla", (await invite(world, "viewer"))["token"])
    world.secrets["invite"] = (await invite(world, "viewer", expires_in_days=300))["token"]
    unwanted = await invite(world, "viewer")
    await world.ask("olga", "DELETE", f"/api/invites/{unwanted['id']}")
    await invite(world, "viewer", expiresIn=MINUTE_S)
    await world.later(2 * MINUTE_S)
    await world.ask("ulla", "POST", f"/api/invites/{many['token']}/accept")
    await world.ask("olga", "PATCH", f"/api/users/{world.ids['oskar']}/role", {"role": "viewer"})
    await world.ask("olga", "DELETE", f"/api/users/{world.ids['wanda']}")
    del world.clients["wanda"], world.credentials["wanda"], world.ids["wanda"]
    for name in ("alice", "bob", "carol"):
        world.comes(name, **{"x-user": name})
        await world.ask(name, "GET", "/api/v1/workspaces")
    world.comes("nobody")


async def keys(world: World) -> None:
    for name, who, more in (
        ("olga's key", "olga", {}),
        ("alice's key", "alice", {"scopes": ["read"]}),
        ("carol's key", "carol", {"scopes": ["audit"], "expires_in": 300 * DAY_S}),
        ("anna", "anna", {}),
        ("ben", "ben", {}),
        ("cleo", "cleo", {}),
        ("dan", "dan", {}),
        ("eve", "eve", {}),
    ):
        if who not in world.clients:
            world.comes(who, **{"x-user": who})
        made = await world.ask(who, "POST", "/api/v1/keys", {"name": f"laptop of {who}", **more}, 201)
        world.comes(name, **{"x-api-key": made["key"]})
    revoked = await world.ask("alice", "POST", "/api/v1/keys", {"name": "lost"}, 201)
    world.secrets["revoked key"] = revoked["key"]
    await world.ask("alice", "DELETE", f"/api/v1/keys/{revoked['id']}")


async def catalogues(world: World) -> None:
    await world.ask("adam", "PUT", "/api/v1/machines/small", SMALL)
    await world.ask("adam", "PUT", "/api/v1/machines/small", SMALL | {"memory_mb": 512})
    await world.ask("adam", "PUT", "/api/v1/machines/large", SMALL | {"cpus": 8, "command": ["run", "--all"]})
    await world.ask("adam", "DELETE", "/api/v1/machines/large")
    await world.ask("adam", "PUT", "/api/v1/regions/paris", ENGINE_OF_PARIS)
    await world.ask("adam", "PUT", "/api/v1/regions/paris", ENGINE_OF_PARIS | {"host": "192.0.2.7"})
    await world.ask("adam", "PUT", "/api/v1/regions/rome", ENGINE_OF_PARIS)
    await world.ask("adam", "DELETE", "/api/v1/regions/rome")


# -- workspaces --------------------------------------------------------------------

WORKSPACES = "/api/v1/workspaces"


async def workspace(world: World, who: str, name: str, **more: Any) -> str:
    made = await world.ask(who, "POST", WORKSPACES, {"name": name, "ttl_seconds": 30 * DAY_S, **more})
    world.ids[name] = made["id"]
    id: str = made["id"]
    return id


async def workspaces(world: World) -> None:
    lab = await workspace(world, "alice", "lab", template="python")
    key = {"Idempotency_Key": "once"}
    asked = {"name": "once", "template": "nodejs", "ttl_seconds": None}
    first = await world.ask("alice", "POST", WORKSPACES, asked, **key)
    assert first == await world.ask("alice", "POST", WORKSPACES, asked, **key)
    await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/extend", {"ttl_seconds": DAY_S})
    await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/stop")
    await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/start")
    await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/restart")
    taken = await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/snapshots", {"name": "before"})
    await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/snapshots/{taken['id']}/restore")
    lost = await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/snapshots", {"name": "lost"})
    world.engine.snapshots[UUID(lab)].discard(UUID(lost["id"]))
    await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/snapshots/{lost['id']}/restore")

    await workspace(world, "bob", "short", ttl_seconds=HOUR_S)
    await world.later(HOUR_S - MINUTE_S)  # it is warned of
    await world.later(2 * MINUTE_S)  # and then ends
    deleted = await workspace(world, "bob", "deleted")
    await world.ask("bob", "DELETE", f"{WORKSPACES}/{deleted}")
    at_rest = await workspace(world, "bob", "at rest")
    await world.ask("bob", "POST", f"{WORKSPACES}/{at_rest}/stop")
    soon = await workspace(world, "bob", "soon", ttl_seconds=200 * DAY_S)
    await world.ask("bob", "POST", f"{WORKSPACES}/{soon}/extend", {"ttl_seconds": DAY_S})

    world.engine.refuses = "there is no such image"
    await workspace(world, "bob", "refused")
    world.engine.refuses = None


async def machines_that_differ(world: World) -> None:
    """What the sweep finds where the engine and the log do not agree."""
    id = UUID(await workspace(world, "alice", "vanishing"))
    vanished = world.engine.machines.pop(id)
    await world.swept(id)
    world.engine.machines[id] = vanished
    await world.swept(id)
    gone = UUID(await workspace(world, "alice", "gone"))
    del world.engine.machines[gone]
    await world.swept(gone)
    stranger = UUID(int=0xABC)
    world.engine.machines[stranger] = vanished.__class__(stranger, "tenure-stray", "e" * 32, True, {})
    await world.swept(stranger)

    bob = await world.inside.actor("bob")
    world.ids["far"] = str(await world.inside.request_workspace(bob, name="far", region="paris", machine="small"))
    await world.settled()


# -- shared terminals --------------------------------------------------------------


async def terminals(world: World) -> None:
    async def seen(tmux_id: str, name: str, windows: int = 1, host: str = "host", owner: UUID | None = None) -> UUID:
        world.clock.forward(1)
        found = await world.inside.tmux_shows(host, tmux_id, name, windows, BEGIN, owner)
        await world.settled()
        return found

    await seen("$1", "main")
    await seen("$1", "main", windows=3)
    await seen("$2", "old name")
    await seen("$2", "build")
    await world.inside.tmux_lacks(await seen("$3", "logs"))
    await seen("$3", "logs")
    await world.inside.tmux_lacks(await seen("$4", "gone"))
    await seen("$5", "deploy")
    lab = world.ids["lab"]
    await seen("$6", lab, host=lab, owner=await world.inside.user_id("alice"))

    claim = "/api/sessions/main/claim"
    await world.ask("otto", "POST", claim)
    await world.ask("otto", "POST", claim)  # for longer
    await world.ask("ulla", "POST", f"{claim}/handover")
    await world.ask("otto", "POST", f"{claim}/handover", {"userId": world.ids["ulla"]})
    await world.ask("adam", "POST", claim)  # an admin takes it over
    await world.ask("adam", "DELETE", claim)
    await world.ask("otto", "POST", claim)
    await world.later(HOUR_S)  # it runs out
    await world.ask("ulla", "POST", "/api/sessions/build/claim")
    await world.ask("ulla", "DELETE", "/api/sessions/build/claim")


# -- sessions by approval ----------------------------------------------------------


async def asks(world: World, who: str, alias: str, user: str) -> JoinRequest:
    """Somebody asks to join; they stay on the line until they withdraw."""
    world.clock.forward(1)
    request = await world.inside.ask_to_join(await world.inside.actor(who), alias, public_key(who), user)
    await world.settled()
    return request


async def decides(world: World, session: dict[str, Any], request: JoinRequest, what: str, status: int = 200) -> None:
    body = {"joiner_uuid": str(request.joiner_id)}
    if what == "approve":
        body |= {"pub_key": request.pub_key, "user": request.vm_user, "client_ip": request.client_ip}
    await world.ask("anna", "POST", f"/sessions/{session['session_id']}/{what}", body, status)


async def hosts(world: World, who: str = "anna", **more: Any) -> dict[str, Any]:
    body = {"machine_id": "default", "region": "local", "pub_key": public_key(who), **more}
    made: dict[str, Any] = await world.ask(who, "POST", "/sessions", body, 201)
    return made


async def hosted_sessions(world: World) -> None:
    world.words.aliases += ["calm-owl-10", "calm-owl-10"]
    first = await hosts(world)
    inside = await asks(world, "ben", first["alias"], "ben")
    await decides(world, first, inside, "approve")
    await world.ask("anna", "DELETE", f"/sessions/{first['session_id']}")  # the alias is free, and ben is out

    session = await hosts(world)  # by the alias of the first
    assert session["alias"] == first["alias"]
    id = session["session_id"]
    for _ in range(2):
        request = await asks(world, "ben", session["alias"], "ben")
        await world.inside.withdraw(request)
        await world.settled()
    request = await asks(world, "ben", session["alias"], "ben")
    await decides(world, session, request, "reject")
    await asks(world, "ben", session["alias"], "ben")
    await world.later(HOUR_S)  # nobody has answered
    inside = await asks(world, "ben", session["alias"], "ben")
    await decides(world, session, inside, "approve")
    same_name = await asks(world, "cleo", session["alias"], "ben")
    await decides(world, session, same_name, "approve", 400)  # and is not let in
    out = await asks(world, "dan", session["alias"], "dan")
    await decides(world, session, out, "approve")
    await world.ask("anna", "DELETE", f"/sessions/{id}/guests/{out.joiner_id}")
    world.ids["session"] = id
    await hosts(world, no_join=True, machine_id="small")


# -- workshops ---------------------------------------------------------------------

WORKSHOPS = "/api/workshops"


async def workshop(world: World, name: str, who: str = "nobody", seats: int = 2) -> dict[str, Any]:
    body = {"name": name, "seats": seats, "api_key": f"sk-ant-api03-{name}"}
    made: dict[str, Any] = (await world.ask(who, "POST", WORKSHOPS, body, 201))["workshop"]
    return made


async def joins(world: World, code: str, name: str | None = None, odehash: str | None = None) -> dict[str, Any]:
    body = {"code": code, "name": name, "odehash": odehash}
    body = {field: value for field, value in body.items() if value}
    seat: dict[str, Any] = await world.ask("nobody", "POST", "/api/join", body)
    return seat


async def workshops(world: World) -> None:
    token = (await invite(world, "operator"))["token"]
    ida = {"email": "ida@example.org", "password": "correct horse", "name": "Ida", "invite": token}
    told = await world.ask("nobody", "POST", "/api/auth/register", ida, 201)
    world.comes("ida", authorization=f"Bearer {told['token']}")
    world.secrets["instructor"] = {"email": ida["email"], "password": ida["password"]}

    world.words.codes += ["AAAA-2222", "AAAA-2222"]
    short = await workshop(world, "Short", seats=1)
    await world.ask("nobody", "DELETE", f"{WORKSHOPS}/{short['id']}")
    again = await workshop(world, "Again", seats=1)  # by the same code
    assert again["code"] == short["code"] == "AAAA-2222"
    await world.ask("nobody", "POST", f"{WORKSHOPS}/{again['id']}/start", status=202)
    await joins(world, again["code"], "Lars")
    await world.ask("nobody", "POST", f"{WORKSHOPS}/{again['id']}/stop")
    await world.ask("nobody", "POST", f"{WORKSHOPS}/{again['id']}/start", status=202)
    await world.later(9 * HOUR_S)  # it is warned of, and then over

    world.engine.refuses = "there is no such image"
    failing = await workshop(world, "Failing", seats=1)
    await world.ask("nobody", "POST", f"{WORKSHOPS}/{failing['id']}/start", status=202)
    for _ in range(4):
        await world.later(2)
    world.engine.refuses = None


async def open_workshop(world: World) -> None:
    """One that runs when the dump is made."""
    running = await workshop(world, "Basics", "ida", seats=3)
    later = await workshop(world, "Later", "ida", seats=1)
    registration = {"email": "rita@example.org", "name": "Rita", "workshop_code": later["code"]}
    rita = await world.ask("nobody", "POST", "/api/register", registration)
    world.secrets["registration"] = {"access_code": rita["access_code"], "name": registration["name"]}
    world.secrets["workshop key"] = f"sk-ant-api03-{running['name']}"
    path = f"{WORKSHOPS}/{running['id']}"
    await world.ask("ida", "POST", f"{path}/start", status=202)
    lena = await joins(world, running["code"], "Lena")
    max_ = await joins(world, running["code"], "Max")
    await joins(world, running["code"], odehash=lena["odehash"])
    await world.ask("ida", "DELETE", f"{path}/learners/{max_['seat']}")
    await world.ask("ida", "POST", f"{path}/extend", {"seconds": 2 * HOUR_S})
    world.ids["workshop"] = running["id"]
    world.secrets["learner"] = {"code": running["code"], "odehash": lena["odehash"], "seat": lena["seat"]}
    world.secrets["learner"]["token"] = lena["token"]


# -- virtual machines --------------------------------------------------------------

V0 = "/api/v0"
PASSWORD = "battery staple"


async def registers(world: World, name: str) -> str:
    told = await world.ask("nobody", "POST", f"{V0}/register", {"username": name, "password": PASSWORD})
    world.comes(name, authorization=f"Bearer {told['token']}")
    everybody = await world.ask("olga's key", "GET", f"{V0}/admin/users")
    (id,) = [one["id"] for one in everybody if one["username"] == name]
    found: str = id
    return found


async def vm_accounts(world: World) -> None:
    users = f"{V0}/admin/users"
    vic, viv, val, vlad = [await registers(world, name) for name in ("vic", "viv", "val", "vlad")]
    await world.ask("olga's key", "POST", f"{users}/{vic}/change_type", {"type": "administrator"})
    await world.ask("olga's key", "POST", f"{users}/{viv}/change_type", {"type": "administrator"})
    await world.ask("olga's key", "POST", f"{users}/{viv}/change_type", {"type": "user"})
    login = {"username": "viv", "password": PASSWORD}
    other = await world.ask("nobody", "POST", f"{V0}/login", login)
    world.clients["viv's other"] = httpx.AsyncClient(
        base_url=world.served.url, headers={"authorization": f"Bearer {other['token']}"}
    )
    await world.ask("viv's other", "POST", f"{V0}/logout", {})
    await world.ask("viv", "POST", f"{V0}/change_password", {"password": "a new password"})
    world.secrets["vm account"] = {"username": "viv", "password": "a new password"}
    await world.ask("olga's key", "POST", f"{users}/{val}/ban", {"reason": "mining"})
    await world.ask("olga's key", "POST", f"{users}/{vlad}/ban", {"reason": "a mistake"})
    await world.ask("olga's key", "POST", f"{users}/{vlad}/unban", {})
    await world.ask("vlad", "POST", f"{V0}/delete_account", {})
    del world.credentials["vlad"]
    await world.ask("olga's key", "PATCH", f"{V0}/admin/config", {"chat": {"messages_max_rate": 2}})


async def vms(world: World) -> None:
    path = f"{V0}/admin/vms"

    async def made(id: str, **more: Any) -> UUID:
        await world.ask("vic", "POST", f"{path}/create", VM | {"id": id, "name": id.capitalize(), **more})
        return await world.inside.vm_id(id)

    async def patched(id: str, *operations: Any) -> None:
        await world.ask("vic", "PATCH", f"{path}/{id}", list(operations))

    box = await made("box")
    await world.ask("vic", "POST", f"{path}/box/start")
    await patched("box", {"op": "replace", "path": "/qemu_devices/1/drive_iops_limit", "value": "500 900"})
    await patched("box", {"op": "replace", "path": "/qemu_devices/0/cpu_cores", "value": 4})
    await world.ask("vic", "POST", f"{path}/box/restart")
    world.hypervisor.undefine(box)
    await world.happened("VmConfig.Undefined")
    await world.ask("vic", "POST", f"{path}/box/stop")
    world.hypervisor.refuses = "there is no such image"
    await world.ask("vic", "POST", f"{path}/box/start")
    world.hypervisor.refuses = None
    await made("locked", private=True, password="open sesame")
    await patched("locked", {"op": "add", "path": "/password", "value": "open again"})
    await world.ask("vic", "POST", f"{path}/locked/start")
    world.secrets["vm password"] = {"vm": "locked", "password": "open again"}
    await made("unlocked", private=True, password="open sesame")
    await patched("unlocked", {"op": "remove", "path": "/password"})
    await world.ask("vic", "DELETE", f"{path}/unlocked")
    await made("unlocked")
    always = await made("always", autostart=True)
    world.hypervisor.leave()
    await world.happened("Hypervisor.Lost")
    world.hypervisor.come_back()
    await world.happened("Hypervisor.Found")
    world.hypervisor.crash(always)
    await world.happened("VmConfig.Died")
    await world.later(MINUTE_S)  # it is back


# -- what is under way when the dump is made ---------------------------------------


async def rows_of_what_is_under_way(world: World) -> None:
    await open_workshop(world)
    session = await hosts(world)
    await decides(world, session, await asks(world, "ben", session["alias"], "ben"), "approve")
    await asks(world, "dan", session["alias"], "dan")  # waits
    world.ids["session"] = session["session_id"]
    await world.inside.mark_used(UUID(session["session_id"]))
    await world.inside.begin_sign_in("campus")
    told = await world.ask("anna", "POST", "/token")
    world.comes("anna's token", authorization=f"Bearer {told['token']}")
    world.engine.away = True  # what is asked for now waits for the engine
    await workspace(world, "bob", "delayed")
    world.engine.away = False
    # Each credential is used once more, so that what is written about that is not written while answers are recorded.
    for name in world.credentials:
        if name != "nobody":
            await world.clients[name].get(f"{V0}/admin/config" if name in ("vic", "val", "viv") else "/api/v1/keys")
    await world.settled()


async def not_yet_folded(world: World) -> None:
    """The last commands, which no follower has seen when the dump is made. None of them leads to work at once."""
    lab = world.ids["lab"]
    await world.ask("alice", "POST", f"{WORKSPACES}/{lab}/extend", {"ttl_seconds": DAY_S})
    await world.ask("otto", "POST", "/api/sessions/main/claim")
    await world.ask("olga", "PATCH", f"/api/users/{world.ids['ulla']}/role", {"role": "viewer"})
    await world.ask("ida", "POST", f"{WORKSHOPS}/{world.ids['workshop']}/extend", {"seconds": HOUR_S})
    await joins(world, world.secrets["learner"]["code"], "Mia")
    await world.ask("vic", "POST", f"{V0}/admin/vms/create", VM | {"id": "last", "name": "Last"})
    await world.ask("bob", "POST", "/api/v1/keys", {"name": "last"}, 201)
    await invite(world, "viewer")
