"""/api/v1/machines and /api/v1/regions: everybody reads them, administrators change all but those from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from application.ports.machines import Template
from domain.errors import Invalid
from domain.workspace import Workspace
from tests.contracts.asking import fine, refused
from tests.contracts.chrote.people import invited, member
from tests.support.regions import ADMIN
from tests.support.server import Served, eventually, served

SMALL = {"image": "lab:1", "cpus": 0.5, "memory_mb": 256, "disk_mb": 1000, "ports": [22], "user": "lab"}
PARIS = {"url": "ssh://tenure@engine.paris.example.org", "host": "paris.example.org"}


@pytest.fixture
async def place(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A Tenure whose settings name a machine configuration and a region."""
    machines = {"fixed": {"image": "fixed:1", "command": "run --token hidden"}}
    regions = {"near": {"url": "unix:///run/near-engine.sock"}}
    async with served(database, tmp_path, machine_configs=machines, regions=regions) as serving:
        yield serving


@pytest.fixture
async def owner(place: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with member(place, "anna") as client:
        yield client


async def by_name(client: httpx.AsyncClient, kind: str) -> dict[str, Any]:
    return {one.pop("name"): one for one in fine(await client.get(f"/api/v1/{kind}"))}


async def test_there_is_a_machine_and_a_region_without_any_configuration(tenure: Served) -> None:
    async with tenure.client() as alice:
        (machine,) = fine(await alice.get("/api/v1/machines"))
        assert machine == {
            "name": "default",
            "image": "debian:12",
            "cpus": 1.0,
            "memory_mb": 1024,
            "disk_mb": None,
            "pids": 512,
            "ports": [],
            "user": "tenure",
            "fixed": True,
        }
        assert fine(await alice.get("/api/v1/regions")) == [{"name": "local", "host": "127.0.0.1", "fixed": True}]


async def test_a_machine_configuration_is_added_changed_and_removed(place: Served, owner: httpx.AsyncClient) -> None:
    added = fine(await owner.put("/api/v1/machines/small", json=SMALL))
    assert added == {"name": "small", **SMALL, "pids": 512, "fixed": False}
    async with place.client() as alice:
        assert set(await by_name(alice, "machines")) == {"default", "fixed", "small"}
        fine(await owner.put("/api/v1/machines/small", json=SMALL | {"memory_mb": 512}))
        assert (await by_name(alice, "machines"))["small"]["memory_mb"] == 512
        fine(await owner.delete("/api/v1/machines/small"))
        assert set(await by_name(alice, "machines")) == {"default", "fixed"}
    refused(await owner.delete("/api/v1/machines/small"), 404, 'no machine configuration "small"')

    events = fine(await owner.get("/api/v1/audit/events", params={"kind": "machine_catalogue"}))["events"]
    assert [(event["kind"], event["by_name"]) for event in events] == [
        ("machine_catalogue.opened", "anna"),
        ("machine_catalogue.added", "anna"),
        ("machine_catalogue.changed", "anna"),
        ("machine_catalogue.removed", "anna"),
    ]


async def test_a_region_is_added_changed_and_removed(place: Served, owner: httpx.AsyncClient) -> None:
    assert fine(await owner.put("/api/v1/regions/paris", json=PARIS)) == {
        "name": "paris",
        "host": "paris.example.org",
        "fixed": False,
    }
    async with place.client() as alice:
        fine(await owner.put("/api/v1/regions/paris", json=PARIS | {"host": "192.0.2.3"}))
        assert (await by_name(alice, "regions"))["paris"] == {"host": "192.0.2.3", "fixed": False}
        fine(await owner.delete("/api/v1/regions/paris"))
        assert set(await by_name(alice, "regions")) == {"local", "near"}
    refused(await owner.delete("/api/v1/regions/paris"), 404, 'no region "paris"')


async def test_where_an_engine_is_and_what_is_run_is_told_to_nobody(place: Served, owner: httpx.AsyncClient) -> None:
    fine(await owner.put("/api/v1/regions/paris", json=PARIS))
    async with place.client() as alice:
        for kind in ("machines", "regions"):
            for client in (alice, owner):
                text = (await client.get(f"/api/v1/{kind}")).text
                assert "engine" not in text and "hidden" not in text and "://" not in text
        trail = (await alice.get("/api/v1/audit/events")).text
        assert "paris" not in trail


async def test_what_the_settings_say_is_changed_there(owner: httpx.AsyncClient) -> None:
    for name in ("default", "fixed"):
        says = f'the machine configuration "{name}" is what the settings say, and is changed there'
        refused(await owner.put(f"/api/v1/machines/{name}", json=SMALL), 409, says)
        refused(await owner.delete(f"/api/v1/machines/{name}"), 409, says)
    for name in ("local", "near"):
        says = f'the region "{name}" is what the settings say, and is changed there'
        refused(await owner.put(f"/api/v1/regions/{name}", json=PARIS), 409, says)
        refused(await owner.delete(f"/api/v1/regions/{name}"), 409, says)


async def test_only_who_administers_the_place_may_change_them(place: Served, owner: httpx.AsyncClient) -> None:
    async with (
        place.client() as alice,
        member(place, "bob", await invited(owner, "operator")) as bob,
        member(place, "eve", await invited(owner, "admin")) as eve,
        place.client(None) as nobody,
    ):
        for client, status in ((alice, 403), (bob, 403), (nobody, 401)):
            for path, body in (("machines/small", SMALL), ("regions/paris", PARIS)):
                refused(await client.put(f"/api/v1/{path}", json=body), status)
                refused(await client.delete(f"/api/v1/{path}"), status)
        refused(await nobody.get("/api/v1/machines"), 401)
        refused(await nobody.get("/api/v1/regions"), 401)
        fine(await eve.put("/api/v1/machines/small", json=SMALL))
        fine(await eve.put("/api/v1/regions/paris", json=PARIS))


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("machines/Small", SMALL, "must be a word of small letters"),
        ("machines/" + "a" * 41, SMALL, "at most 40"),
        ("machines/small", {}, "image"),
        ("machines/small", SMALL | {"cpu": 1}, "cpu"),
        ("machines/small", SMALL | {"cpus": 0}, "cpus"),
        ("machines/small", SMALL | {"memory_mb": 1}, "memory_mb must be from 16"),
        ("machines/small", SMALL | {"memory_mb": "256"}, "memory_mb"),
        ("machines/small", SMALL | {"user": "root"}, "not root"),
        ("machines/small", SMALL | {"image": "a b"}, "image must be"),
        ("machines/small", SMALL | {"ports": [0]}, "ports must be"),
        ("regions/Paris", PARIS, "must be a word of small letters"),
        ("regions/paris", {}, "url"),
        ("regions/paris", PARIS | {"url": "http://a"}, "must be that of a Docker engine"),
        ("regions/paris", PARIS | {"url": "ssh://t:hidden@a"}, "no password"),
        ("regions/paris", PARIS | {"tls_key": "/etc/passwd"}, "tls_key"),
        ("regions/paris", PARIS | {"host": "a b"}, "host must be"),
    ],
)
async def test_what_is_none_is_refused_in_a_sentence(
    owner: httpx.AsyncClient, path: str, body: dict[str, Any], says: str
) -> None:
    answer = await owner.put(f"/api/v1/{path}", json=body)
    refused(answer, 400, says)
    assert "hidden" not in answer.text


async def test_machines_that_are_there_stay_as_they_were_made(place: Served, owner: httpx.AsyncClient) -> None:
    """A workspace keeps the machine configuration of the moment it was requested."""
    fine(await owner.put("/api/v1/machines/small", json=SMALL))
    workspaces, platform = place.tenure.deps.vm_api.workspaces, place.tenure.deps.http.platform
    workspace = await workspaces.request(ADMIN, name="a", machine="small", ttl_seconds=None)
    fine(await owner.delete("/api/v1/machines/small"))

    async def it_runs() -> bool:
        return (await platform.load(Workspace, workspace.id)).status == "running"

    await eventually(it_runs)
    assert place.engine.templates[workspace.id] == Template(
        "small", "lab:1", cpus=0.5, memory_mb=256, disk_mb=1000, ports=(22,), user="lab"
    )
    with pytest.raises(Invalid, match='there is no machine configuration "small"; there are default, fixed'):
        await workspaces.request(ADMIN, name="a", machine="small", ttl_seconds=None)
