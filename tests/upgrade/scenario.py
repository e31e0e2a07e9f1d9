"""The scenario of the dump: every kind of event happens at least once, and every table gets a row.

Clients send commands over HTTP. Engines and the hypervisor in memory fail, lose machines and crash on command. Reports
of tmux and of the sweep, and guests, who need an open stream, go to the application directly.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.upgrade.product import JoinRequest
from tests.upgrade.world import TIMEOUT_S, World

BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
RETRY_PAUSE_S, MAX_RETRIES = 16, 40  # of work that fails
SETTINGS: dict[str, Any] = {
    "public_url": "http://localhost:3000",
    "sealing_secret": "a sealing secret that seals nothing but this dump",
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
NO_IMAGE = "there is no such image"
KEYS = "/api/v1/keys"

CPU: dict[str, Any] = {"id": "cpu", "type": "cpu", "cpu_model": "qemu64", "cpu_features": [], "cpu_cores": 2}
DRIVE: dict[str, Any] = {"id": "disk", "type": "drive", "drive_type": "ssd", "drive_cache_type": "writeback"}
DRIVE |= {"drive_use_io_uring": False, "drive_bus": "ide", "drive_image": "disk.qcow2"}
DRIVE |= {"drive_bps_limit": "15000000 25000000", "drive_iops_limit": "1000 1500"}
DISPLAY: dict[str, Any] = {"id": "display", "type": "display", "display_type": "vga", "display_vgamem_mb": 16}
VM: dict[str, Any] = {
    "hypervisor": "qemu",
    "autostart": False,
    "private": False,
    "qemu_use_uefi": False,
    "qemu_enable_agent": False,
}
VM |= {"qemu_uuid": "6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a01", "qemu_machine_type": "pc", "qemu_machine_version": ""}
VM |= {"qemu_devices": [CPU, DRIVE, DISPLAY]}


def public_key(name: str) -> str:
    """An SSH public key, the same one for the same name."""
    private = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"\0")[:32])
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


async def play(world: World) -> None:
    """Everything up to the dump, but for `play_unfolded`."""
    await people(world)
    await api_keys(world)
    await catalogues(world)
    await workspaces(world)
    await reconciliation(world)
    await parked_work(world)
    await terminals(world)
    await hosted_sessions(world)
    await workshops(world)
    await vm_accounts(world)
    await vms(world)
    await unfinished(world)


# -- the place and its people ------------------------------------------------------


async def sign_in(world: World, name: str, invite: str | None = None) -> None:
    """Sign a browser in by name, and keep its cookie."""
    world.clock.forward(1)
    async with httpx.AsyncClient(base_url=world.server.url, timeout=TIMEOUT_S) as browser:
        params = {"name": name.capitalize()} | ({"invite": invite} if invite else {})
        answer = await browser.get("/auth/dev", params=params)
        assert answer.status_code == 302 and answer.headers["location"] == "/", answer.headers
        (cookie,) = [f"{key}={value}" for key, value in browser.cookies.items()]
    world.add_client(name, cookie=cookie)
    await world.settle()
    world.ids[name] = (await world.request(name, "GET", "/auth/me"))["id"]


async def create_invite(world: World, role: str, **more: Any) -> dict[str, Any]:
    invite: dict[str, Any] = await world.request("olga", "POST", "/api/invites", {"role": role, **more}, 201)
    return invite


def member_id(world: World, name: str) -> UUID:
    return UUID(world.ids[name].removeprefix("user_"))


async def people(world: World) -> None:
    await sign_in(world, "olga")  # the first user owns the place
    await sign_in(world, "adam", (await create_invite(world, "admin", max_uses=1))["token"])
    for_many = await create_invite(world, "operator")
    await sign_in(world, "otto", for_many["token"])
    await sign_in(world, "oskar", for_many["token"])
    await sign_in(world, "vera", (await create_invite(world, "viewer"))["token"])
    await sign_in(world, "wanda", (await create_invite(world, "viewer"))["token"])
    await sign_in(world, "ulla", (await create_invite(world, "viewer"))["token"])
    world.secrets["invite"] = (await create_invite(world, "viewer", expires_in_days=300))["token"]
    mistake = await create_invite(world, "viewer", note="for a colleague")
    await world.request("olga", "DELETE", f"/api/invites/{mistake['id']}")
    await create_invite(world, "viewer", expiresIn=MINUTE_S)
    await world.forward(2 * MINUTE_S)
    await world.request("ulla", "POST", f"/api/invites/{for_many['token']}/accept")
    await world.request("olga", "PATCH", f"/api/users/{world.ids['oskar']}/role", {"role": "viewer"})
    await world.request("olga", "DELETE", f"/api/users/{world.ids['wanda']}")
    await world.remove_client("wanda")
    for name in ("otto", "olga"):
        await world.application.give_ownership(member_id(world, name))
        await world.settle()
    await world.request("olga", "PATCH", f"/api/users/{world.ids['otto']}/role", {"role": "operator"})
    for name in ("alice", "bob", "carol"):
        world.add_client(name, **{"x-user": name})
        await world.request(name, "GET", "/api/v1/workspaces")
    world.add_client("nobody")


async def api_keys(world: World) -> None:
    for user in ("anna", "ben", "cleo", "dan"):
        world.add_client(user, **{"x-user": user})
        await world.replace_client(user, **{"x-api-key": await create_key(world, user)})
    for user, options in (
        ("olga", {}),
        ("alice", {"scopes": ["read"]}),
        ("carol", {"scopes": ["audit"], "expires_in": 300 * DAY_S}),
    ):
        world.add_client(f"{user}'s key", **{"x-api-key": await create_key(world, user, **options)})
    lost = await world.request("alice", "POST", KEYS, {"name": "lost"}, 201)
    world.secrets["revoked key"] = lost["key"]
    await world.request("alice", "DELETE", f"{KEYS}/{lost['id']}")


async def create_key(world: World, user: str, **options: Any) -> str:
    answer = await world.request(user, "POST", KEYS, {"name": f"laptop of {user}", **options}, 201)
    key: str = answer["key"]
    return key


async def catalogues(world: World) -> None:
    await world.request("adam", "PUT", "/api/v1/machines/small", SMALL)
    await world.request("adam", "PUT", "/api/v1/machines/small", SMALL | {"memory_mb": 512})
    await world.request("adam", "PUT", "/api/v1/machines/large", SMALL | {"cpus": 8, "command": ["run", "--all"]})
    await world.request("adam", "DELETE", "/api/v1/machines/large")
    await world.request("adam", "PUT", "/api/v1/regions/paris", ENGINE_OF_PARIS)
    await world.request("adam", "PUT", "/api/v1/regions/paris", ENGINE_OF_PARIS | {"host": "192.0.2.7"})
    await world.request("adam", "PUT", "/api/v1/regions/rome", ENGINE_OF_PARIS)
    await world.request("adam", "DELETE", "/api/v1/regions/rome")
    await world.request("adam", "PUT", "/api/v1/quotas/roles/viewer", {"workspaces": 30})


# -- workspaces --------------------------------------------------------------------

WORKSPACES = "/api/v1/workspaces"


async def create_workspace(world: World, owner: str, name: str, **options: Any) -> str:
    workspace = await world.request(owner, "POST", WORKSPACES, {"name": name, "ttl_seconds": 30 * DAY_S, **options})
    id: str = workspace["id"]
    world.ids[name] = id
    return id


async def workspaces(world: World) -> None:
    lab = await create_workspace(world, "alice", "lab", template="python")
    body = {"name": "once", "template": "nodejs", "ttl_seconds": None}
    first = await world.request("alice", "POST", WORKSPACES, body, idempotency_key="once")
    assert first == await world.request("alice", "POST", WORKSPACES, body, idempotency_key="once")
    await world.request("alice", "POST", f"{WORKSPACES}/{lab}/extend", {"ttl_seconds": DAY_S})
    await world.request("alice", "POST", f"{WORKSPACES}/{lab}/stop")
    await world.request("alice", "POST", f"{WORKSPACES}/{lab}/start")
    await world.request("alice", "POST", f"{WORKSPACES}/{lab}/restart")
    before = await world.request("alice", "POST", f"{WORKSPACES}/{lab}/snapshots", {"name": "before"})
    await world.request("alice", "POST", f"{WORKSPACES}/{lab}/snapshots/{before['id']}/restore")
    lost = await world.request("alice", "POST", f"{WORKSPACES}/{lab}/snapshots", {"name": "lost"})
    world.engine.snapshots[UUID(lab)].discard(UUID(lost["id"]))
    await world.request("alice", "POST", f"{WORKSPACES}/{lab}/snapshots/{lost['id']}/restore")

    await create_workspace(world, "bob", "short", ttl_seconds=HOUR_S)
    await world.forward(HOUR_S - MINUTE_S)  # its expiry is announced
    await world.forward(2 * MINUTE_S)  # it expires
    unwanted = await create_workspace(world, "bob", "unwanted")
    await world.request("bob", "DELETE", f"{WORKSPACES}/{unwanted}")
    idle = await create_workspace(world, "bob", "idle")
    await world.request("bob", "POST", f"{WORKSPACES}/{idle}/stop")
    soon = await create_workspace(world, "bob", "soon", ttl_seconds=200 * DAY_S)
    await world.request("bob", "POST", f"{WORKSPACES}/{soon}/extend", {"ttl_seconds": DAY_S})

    world.engine.refuses = NO_IMAGE
    await create_workspace(world, "bob", "refused")
    world.engine.refuses = None


async def reconciliation(world: World) -> None:
    """The engine and the log differ: machines vanish, come back, or belong to nobody."""
    id = UUID(await create_workspace(world, "alice", "back again"))
    machine = world.engine.machines.pop(id)
    await world.reconcile(id)
    world.engine.machines[id] = machine
    await world.reconcile(id)
    id = UUID(await create_workspace(world, "alice", "gone"))
    del world.engine.machines[id]
    await world.reconcile(id)
    for number, name in enumerate(ORPHANS):
        stray = UUID(int=0xABC + number)
        world.engine.machines[stray] = replace(
            machine, workspace_id=stray, provider_id=f"tenure-{name}", engine_id=f"{number:032x}"
        )
        await world.reconcile(stray)
    orphans = await world.request("adam", "GET", "/api/v1/orphans")
    ids = {orphan["name"].removeprefix("tenure-"): orphan["id"] for orphan in orphans}
    await world.request("adam", "DELETE", f"/api/v1/orphans/{ids['unwanted']}")
    await world.request("adam", "POST", f"/api/v1/orphans/{ids['adopted']}/adopt", {"name": "adopted"})
    relabelled = UUID(int=0xABC + ORPHANS.index("relabelled"))
    world.engine.machines[relabelled] = replace(world.engine.machines[relabelled], is_of_this_log=False)
    await world.forward(DAY_S)  # the grace of all others ends
    world.ids["far"] = str(await world.application.request_workspace("bob", "far", "paris", "small"))
    await world.settle()
    for answering in (False, True):
        await world.application.report_engine("paris", answering)
        await world.settle()


# Machines of no workspace: one is destroyed after its grace, and one is labelled by another log before that.
ORPHANS = ("stray", "relabelled", "unwanted", "adopted")


async def parked_work(world: World) -> None:
    """The engine breaks off at each attempt to remove a machine: the work is parked, retried, parked and dropped."""
    stuck = await create_workspace(world, "bob", "stuck")

    async def break_off(call: str, id: UUID | None) -> None:
        if call == "ensure_gone":
            raise RuntimeError("the engine's answer makes no sense")

    before, world.engine.before = world.engine.before, break_off
    await world.request("bob", "DELETE", f"{WORKSPACES}/{stuck}")
    (work,) = await parked(world)
    await world.request("adam", "POST", f"/api/v1/work/{work}/retry")
    assert await parked(world) == [work]
    await world.request("adam", "DELETE", f"/api/v1/work/{work}")
    world.engine.before = before
    del world.engine.machines[UUID(stuck)]  # by hand


async def parked(world: World) -> list[str]:
    """Let time pass until work is parked. Returns its ids."""
    for _ in range(MAX_RETRIES):
        rows = await world.request("adam", "GET", "/api/v1/work")
        if rows:
            return [row["id"] for row in rows]
        await world.forward(RETRY_PAUSE_S)
    raise AssertionError("no work is parked")


# -- shared terminals --------------------------------------------------------------


async def terminals(world: World) -> None:
    lab = world.ids["lab"]
    alice = await world.application.user_id("alice")
    await record_tmux_session(world, "$1", "main")
    await record_tmux_session(world, "$1", "main", windows=3)
    await record_tmux_session(world, "$2", "old name")
    await record_tmux_session(world, "$2", "build")
    await world.application.close_tmux_session(await record_tmux_session(world, "$3", "logs"))
    await record_tmux_session(world, "$3", "logs")
    await world.application.close_tmux_session(await record_tmux_session(world, "$4", "gone"))
    await record_tmux_session(world, "$5", "deploy")
    await record_tmux_session(world, "$7", "second", lead_id=await record_tmux_session(world, "$8", "first"))
    await record_tmux_session(world, "$6", lab, host=lab, owner_id=alice)

    claim = "/api/sessions/main/claim"
    await world.request("otto", "POST", claim)
    await world.request("otto", "POST", claim)  # renews it
    await world.request("ulla", "POST", f"{claim}/handover")
    await world.request("otto", "POST", f"{claim}/handover", {"userId": world.ids["ulla"]})
    await world.request("adam", "POST", claim)  # an admin may take it over
    await world.request("adam", "DELETE", claim)
    await world.request("otto", "POST", claim)
    await world.forward(HOUR_S)  # the claim expires
    await world.request("ulla", "POST", "/api/sessions/build/claim")
    await world.request("ulla", "DELETE", "/api/sessions/build/claim")


async def record_tmux_session(
    world: World, tmux_id: str, name: str, windows: int = 1, host: str = "host", **ids: UUID | None
) -> UUID:
    world.clock.forward(1)
    id = await world.application.record_tmux_session(host, tmux_id, name, windows, BEGIN, **ids)
    await world.settle()
    return id


# -- sessions by approval ----------------------------------------------------------


async def ask_to_join(world: World, user: str, alias: str, vm_user: str) -> JoinRequest:
    """A guest asks, and waits until the request is decided or withdrawn."""
    world.clock.forward(1)
    request = await world.application.ask_to_join(user, alias, public_key(user), vm_user)
    await world.settle()
    return request


async def approve(world: World, session: dict[str, Any], request: JoinRequest, status: int = 200) -> None:
    body = {"joiner_uuid": str(request.joiner_id), "user": request.vm_user}
    body |= {"pub_key": request.pub_key, "client_ip": request.client_ip}
    await world.request("anna", "POST", f"/sessions/{session['session_id']}/approve", body, status)


async def host_session(world: World, **options: Any) -> dict[str, Any]:
    body = {"machine_id": "default", "region": "local", "pub_key": public_key("anna"), **options}
    session: dict[str, Any] = await world.request("anna", "POST", "/sessions", body, 201)
    return session


async def hosted_sessions(world: World) -> None:
    world.words.aliases += ["calm-owl-10", "calm-owl-10"]
    first = await host_session(world)
    await approve(world, first, await ask_to_join(world, "ben", first["alias"], "ben"))
    await world.request("anna", "DELETE", f"/sessions/{first['session_id']}")  # ben is out, and the alias is free

    session = await host_session(world)  # takes the alias again
    assert session["alias"] == first["alias"]
    path = f"/sessions/{session['session_id']}"
    for _ in range(2):
        await world.application.withdraw(await ask_to_join(world, "ben", session["alias"], "ben"))
        await world.settle()
    request = await ask_to_join(world, "ben", session["alias"], "ben")
    await world.request("anna", "POST", f"{path}/reject", {"joiner_uuid": str(request.joiner_id)})
    await ask_to_join(world, "ben", session["alias"], "ben")
    await world.forward(HOUR_S)  # the request times out
    await approve(world, session, await ask_to_join(world, "ben", session["alias"], "ben"))
    same_name = await ask_to_join(world, "cleo", session["alias"], "ben")
    await approve(world, session, same_name, status=400)  # the machine has a user of this name already
    request = await ask_to_join(world, "dan", session["alias"], "dan")
    await approve(world, session, request)
    await world.request("anna", "DELETE", f"{path}/guests/{request.joiner_id}")
    await host_session(world, no_join=True, machine_id="small")


# -- workshops ---------------------------------------------------------------------

WORKSHOPS = "/api/workshops"


async def create_workshop(world: World, name: str, client: str = "nobody", seats: int = 1) -> dict[str, Any]:
    body = {"name": name, "seats": seats, "api_key": f"sk-ant-api03-{name}"}
    workshop: dict[str, Any] = (await world.request(client, "POST", WORKSHOPS, body, 201))["workshop"]
    return workshop


async def join_workshop(world: World, code: str, **identity: str) -> dict[str, Any]:
    seat: dict[str, Any] = await world.request("nobody", "POST", "/api/join", {"code": code, **identity})
    return seat


async def workshops(world: World) -> None:
    token = (await create_invite(world, "operator"))["token"]
    ida = {"email": "ida@example.org", "password": "correct horse", "name": "Ida", "invite": token}
    answer = await world.request("nobody", "POST", "/api/auth/register", ida, 201)
    world.add_client("ida", authorization=f"Bearer {answer['token']}")
    world.secrets["instructor"] = {"email": ida["email"], "password": ida["password"]}

    world.words.codes += ["AAAA-2222", "AAAA-2222"]
    short = await create_workshop(world, "Short")
    await world.request("nobody", "DELETE", f"{WORKSHOPS}/{short['id']}")
    again = await create_workshop(world, "Again")  # takes the code again
    assert again["code"] == short["code"] == "AAAA-2222"
    await world.request("nobody", "POST", f"{WORKSHOPS}/{again['id']}/start", status=202)
    await join_workshop(world, again["code"], name="Lars")
    await world.request("nobody", "POST", f"{WORKSHOPS}/{again['id']}/stop")
    await world.request("nobody", "POST", f"{WORKSHOPS}/{again['id']}/start", status=202)
    await world.forward(9 * HOUR_S)  # its expiry is announced, and it expires

    world.engine.refuses = NO_IMAGE
    failing = await create_workshop(world, "Failing")
    await world.request("nobody", "POST", f"{WORKSHOPS}/{failing['id']}/start", status=202)
    for _ in range(4):
        await world.forward(2)
    world.engine.refuses = None


async def running_workshop(world: World) -> None:
    """A workshop that runs when the dump is made."""
    running = await create_workshop(world, "Basics", "ida", seats=3)
    later = await create_workshop(world, "Later", "ida")
    registration = {"email": "rita@example.org", "name": "Rita", "workshop_code": later["code"]}
    rita = await world.request("nobody", "POST", "/api/register", registration)
    world.secrets["registration"] = {"access_code": rita["access_code"], "name": registration["name"]}
    world.secrets["workshop key"] = f"sk-ant-api03-{running['name']}"
    path = f"{WORKSHOPS}/{running['id']}"
    await world.request("ida", "POST", f"{path}/start", status=202)
    lena = await join_workshop(world, running["code"], name="Lena")
    max_ = await join_workshop(world, running["code"], name="Max")
    await join_workshop(world, running["code"], odehash=lena["odehash"])
    await world.request("ida", "DELETE", f"{path}/learners/{max_['seat']}")
    await world.request("ida", "POST", f"{path}/extend", {"seconds": 2 * HOUR_S})
    world.ids["workshop"] = running["id"]
    world.secrets["learner"] = {"code": running["code"], "odehash": lena["odehash"], "seat": lena["seat"]}
    world.secrets["learner"]["token"] = lena["token"]


# -- virtual machines --------------------------------------------------------------

V0 = "/api/v0"
PASSWORD = "battery staple"


async def register_vm_account(world: World, name: str) -> str:
    """Returns the account's id in the API."""
    answer = await world.request("nobody", "POST", f"{V0}/register", {"username": name, "password": PASSWORD})
    world.add_client(name, authorization=f"Bearer {answer['token']}")
    users = await world.request("olga's key", "GET", f"{V0}/admin/users")
    (id,) = [str(user["id"]) for user in users if user["username"] == name]
    return id


async def vm_accounts(world: World) -> None:
    users = f"{V0}/admin/users"
    vic, viv, val, vlad = [await register_vm_account(world, name) for name in ("vic", "viv", "val", "vlad")]
    await world.request("olga's key", "POST", f"{users}/{vic}/change_type", {"type": "administrator"})
    await world.request("olga's key", "POST", f"{users}/{viv}/change_type", {"type": "administrator"})
    await world.request("olga's key", "POST", f"{users}/{viv}/change_type", {"type": "user"})
    login = {"username": "viv", "password": PASSWORD}
    other = await world.request("nobody", "POST", f"{V0}/login", login)
    await world.request("nobody", "POST", f"{V0}/logout", {}, authorization=f"Bearer {other['token']}")
    change = {"password": "a new password", "old_password": PASSWORD}
    await world.request("viv", "POST", f"{V0}/change_password", change)
    world.secrets["vm account"] = {"username": "viv", "password": "a new password"}
    await world.request("olga's key", "POST", f"{users}/{val}/ban", {"reason": "mining"})
    await world.request("olga's key", "POST", f"{users}/{vlad}/ban", {"reason": "a mistake"})
    await world.request("olga's key", "POST", f"{users}/{vlad}/unban", {})
    await world.request("vlad", "POST", f"{V0}/delete_account", {})
    await world.remove_client("vlad")
    await world.request("olga's key", "PATCH", f"{V0}/admin/config", {"chat": {"messages_max_rate": 2}})


async def vms(world: World) -> None:
    path = f"{V0}/admin/vms"

    async def create(id: str, **options: Any) -> UUID:
        await world.request("vic", "POST", f"{path}/create", VM | {"id": id, "name": id.capitalize(), **options})
        return await world.application.vm_id(id)

    async def patch(id: str, *operations: Any) -> None:
        await world.request("vic", "PATCH", f"{path}/{id}", list(operations))

    box = await create("box")
    await world.request("vic", "POST", f"{path}/box/start")
    await patch("box", {"op": "replace", "path": "/qemu_devices/1/drive_iops_limit", "value": "500 900"})
    await patch("box", {"op": "replace", "path": "/qemu_devices/0/cpu_cores", "value": 4})
    await world.request("vic", "POST", f"{path}/box/restart")
    world.hypervisor.undefine(box)
    await world.wait_for_event("VmConfig.Undefined")
    await world.request("vic", "POST", f"{path}/box/stop")
    world.hypervisor.refuses = NO_IMAGE
    await world.request("vic", "POST", f"{path}/box/start")
    world.hypervisor.refuses = None
    await create("locked", private=True, password="open sesame")
    await patch("locked", {"op": "add", "path": "/password", "value": "open again"})
    await world.request("vic", "POST", f"{path}/locked/start")
    world.secrets["vm password"] = {"vm": "locked", "password": "open again"}
    await create("unlocked", private=True, password="open sesame")
    await patch("unlocked", {"op": "remove", "path": "/password"})
    await world.request("vic", "DELETE", f"{path}/unlocked")
    await create("unlocked")
    always = await create("always", autostart=True)
    world.hypervisor.leave()
    await world.wait_for_event("Hypervisor.Lost")
    world.hypervisor.come_back()
    await world.wait_for_event("Hypervisor.Found")
    world.hypervisor.crash(always)
    await world.wait_for_event("VmConfig.Died")
    await world.forward(MINUTE_S)  # it starts again by itself


# -- the state that the dump is made in -----------------------------------------------


async def unfinished(world: World) -> None:
    """What is under way when the dump is made."""
    await running_workshop(world)
    session = await host_session(world)
    await approve(world, session, await ask_to_join(world, "ben", session["alias"], "ben"))
    await ask_to_join(world, "dan", session["alias"], "dan")  # waits
    await world.application.mark_used(UUID(session["session_id"]))
    await world.application.begin_sign_in("campus")
    await world.application.issue_owner_link()
    answer = await world.request("anna", "POST", "/token")
    world.add_client("anna's token", authorization=f"Bearer {answer['token']}")
    world.engine.away = True
    await create_workspace(world, "bob", "delayed")  # waits for the engine
    world.engine.away = False
    # Use each credential now: its last use is written at most once a minute, so that recording answers writes nothing.
    for name in world.credentials.keys() - {"nobody"}:
        await world.clients[name].get(f"{V0}/admin/config" if name in ("vic", "val", "viv") else KEYS)
    await world.settle()


async def play_unfolded(world: World) -> None:
    """The last commands. No follower has seen them when the dump is made, and none of them leads to work at once."""
    lab = world.ids["lab"]
    await world.request("alice", "POST", f"{WORKSPACES}/{lab}/extend", {"ttl_seconds": DAY_S})
    await world.request("otto", "POST", "/api/sessions/main/claim")
    await world.request("olga", "PATCH", f"/api/users/{world.ids['ulla']}/role", {"role": "viewer"})
    await world.request("ida", "POST", f"{WORKSHOPS}/{world.ids['workshop']}/extend", {"seconds": HOUR_S})
    await join_workshop(world, world.secrets["learner"]["code"], name="Mia")
    await world.request("vic", "POST", f"{V0}/admin/vms/create", VM | {"id": "last", "name": "Last"})
    await world.request("bob", "POST", KEYS, {"name": "last"}, 201)
    await create_invite(world, "viewer")
