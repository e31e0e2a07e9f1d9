"""Consoles: who may connect, what they see, and whose turn it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets import ConnectionClosed, connect

from tests.contracts.neptuned.consoles import address, token, turned_away, watching
from tests.contracts.neptuned.machines import VMS, created, id_of, started
from tests.contracts.neptuned.people import BASE, USERS, fine, person
from tests.contracts.neptuned.people import id_of as user_id
from tests.support.painted_vms import GREEN, RED, Painted
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A Tenure whose virtual machines have displays."""
    async with served(database, tmp_path, hypervisor=Painted()) as serving:
        yield serving


@pytest.fixture
def painted(tenure: Served) -> Painted:
    assert isinstance(tenure.hypervisor, Painted)
    return tenure.hypervisor


@pytest.mark.line("N30", "N31", "N32")
async def test_who_may_not_connect_is_told_in_the_handshake(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await started(ada)
    await created(ada, id="off")
    await turned_away(tenure, 401)
    await turned_away(tenure, 401, token="nonsense")
    for vm in ("nowhere", "off"):
        await turned_away(tenure, 404, vm=vm, token=token(bob))
    await turned_away(tenure, 400, "quality", token=token(bob), quality="best")
    fine(await ada.post(f"{USERS}/{await user_id(ada, 'bob')}/ban", json={"reason": "spam"}))
    await turned_away(tenure, 403, "spam", token=token(bob))


@pytest.mark.line("N11")
async def test_a_private_machine_is_entered_with_its_password(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await started(ada, private=True, password="open sesame")
    await turned_away(tenure, 403, "private", token=token(bob))
    await turned_away(tenure, 403, "private", token=token(bob), password="wrong")
    async with watching(tenure, bob, password="open sesame"), watching(tenure, ada):
        pass
    await started(ada, id="closed", private=True, qemu_uuid="6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a02")
    await turned_away(tenure, 403, "private", vm="closed", token=token(bob), password="")
    async with watching(tenure, ada, "closed"):
        pass


@pytest.mark.line("N29", "N33")
async def test_what_is_seen_goes_on_when_the_socket_has_gone(
    tenure: Served, ada: httpx.AsyncClient, painted: Painted
) -> None:
    await started(ada)
    async with watching(tenure, ada) as viewer:
        await viewer.shows(RED)
        await viewer.socket.close()
        painted.paint(GREEN)
        await viewer.shows(GREEN)
        await viewer.say("control/keydown", keysym=65)
        await viewer.hears("turn", yours=True)
        await eventually(lambda: asyncio.sleep(0, [act.code for act in painted.acts] == [65]))
    await eventually(lambda: asyncio.sleep(0, painted.watched == 0), 60)
    assert [(act.kind, act.code) for act in painted.acts] == [("keydown", 65), ("keyup", 65)]


async def test_it_ends_with_the_machine(tenure: Served, ada: httpx.AsyncClient, painted: Painted) -> None:
    await started(ada)
    async with watching(tenure, ada) as viewer:
        painted.switch_off(await id_of(tenure))
        await closed(viewer.socket)


async def closed(socket: object) -> None:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()  # type: ignore[attr-defined]


async def test_a_ban_and_a_changed_password_end_it(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await started(ada)
    async with watching(tenure, bob) as viewer, watching(tenure, ada) as other:
        fine(await ada.post(f"{USERS}/{await user_id(ada, 'bob')}/ban", json={"reason": "spam"}))
        assert "spam" in (await viewer.hears("error"))["message"]
        await closed(viewer.socket)
        fine(await ada.post(f"{BASE}/logout"))
        await other.hears("error")
        await closed(other.socket)


async def test_one_uses_it_at_a_time_and_who_waits_comes_next(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient, painted: Painted
) -> None:
    await started(ada)
    async with (
        person(tenure, "cyd") as cyd,
        watching(tenure, ada) as first,
        watching(tenure, bob) as second,
        watching(tenure, cyd) as third,
    ):
        await first.say("turn/take")
        await first.hears("turn", yours=True)
        await second.hears("turn", yours=False, place=None)
        await second.say("control/keydown", keysym=66)
        assert "somebody else's turn" in (await second.hears("error"))["message"]
        await second.say("turn/take")
        await second.hears("turn", place=1, waiting=1)
        await third.say("turn/take")
        await third.hears("turn", place=2, waiting=2)
        await first.say("control/keydown", keysym=65)
        await first.say("turn/release")
        await second.hears("turn", yours=True)
        await third.hears("turn", place=1)
        await second.say("control/keypress", keysym=66)
        await eventually(lambda: asyncio.sleep(0, len(painted.acts) == 3))
        acts = [(act.kind, act.code) for act in painted.acts]
        assert acts == [("keydown", 65), ("keyup", 65), ("keypress", 66)]
        await second.socket.close()
        await second.peer.close()
        await third.hears("turn", yours=True)


async def test_a_turn_ends_by_itself_when_somebody_waits(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, hypervisor=Painted(), vm_turn_seconds=2) as tenure,
        person(tenure, "ada") as ada,
        person(tenure, "bob") as bob,
    ):
        await started(ada)
        async with watching(tenure, ada) as first, watching(tenure, bob) as second:
            await first.say("turn/take")
            await first.hears("turn", yours=True)
            await second.say("turn/take")
            await second.hears("turn", yours=True)
            await first.hears("turn", yours=False)


async def test_what_makes_no_sense_is_said_to_be_so(tenure: Served, ada: httpx.AsyncClient) -> None:
    await started(ada)
    async with connect(address(tenure, "lab", token=token(ada)), proxy=None, max_queue=None) as socket:
        assert json.loads(await socket.recv())["event"] == "offer"
        for text in ("{", "[]", '{"event":"dance"}', '{"event":"answer","data":{"type":"answer","sdp":"x"}}'):
            await socket.send(text)
            while (message := json.loads(await socket.recv()))["event"] == "candidate":
                pass
            assert message["event"] == "error"
    async with watching(tenure, ada) as viewer:
        for event, data in (("dance", {}), ("control/dance", {}), ("quality", {"name": "best"}), ("quality", {})):
            await viewer.say(event, **data)
            await viewer.hears("error")
        await viewer.say("quality", name="small")
        await viewer.shows(RED, (480, 300))


async def test_a_page_shows_it(tenure: Served, ada: httpx.AsyncClient) -> None:
    page = await ada.get(f"{BASE}/console/lab")
    assert page.status_code == 200 and "function keysym" in page.text and "{{" not in page.text
    assert VMS not in page.text
