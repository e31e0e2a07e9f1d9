"""Machines shown to browsers: captured and encoded once for all viewers, whatever some of them do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

import pytest

from application.ports.consoles import Quality
from application.ports.displays import Act
from domain.errors import NotFound
from infra.video.vp8 import dummy
from infra.video.webrtc_console import AiortcViewer, WebrtcConsoles
from tests.support.painted_vms import GREEN, RED, Browser, Painted
from tests.support.server import eventually
from tests.support.stories.vms import document


@pytest.fixture
def machine() -> Painted:
    return Painted()


def switched_on(machine: Painted) -> UUID:
    vm = uuid4()
    machine.switch_on(vm, document())
    return vm


@pytest.fixture
async def consoles(machine: Painted) -> AsyncIterator[WebrtcConsoles]:
    consoles = WebrtcConsoles(machine)
    yield consoles
    await consoles.close()
    assert machine.watched == 0


@asynccontextmanager
async def browser(consoles: WebrtcConsoles, vm: UUID, quality: Quality = Quality.FULL) -> AsyncIterator[ViewerBrowser]:
    async with consoles.watch(vm, quality) as viewer:
        browser = ViewerBrowser(viewer)
        await viewer.accept_answer(await browser.answer(await viewer.offer()))
        try:
            yield browser
        finally:
            await browser.peer.close()


class ViewerBrowser(Browser):
    def __init__(self, viewer: AiortcViewer) -> None:
        super().__init__()
        self.viewer = viewer


async def test_many_watch_what_is_taken_and_encoded_once(machine: Painted, consoles: WebrtcConsoles) -> None:
    vm = switched_on(machine)
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(browser(consoles, vm)) for _ in range(5)]
        await asyncio.gather(*(each.shows(RED) for each in browsers))
        machine.paint(GREEN)
        await asyncio.gather(*(each.shows(GREEN) for each in browsers))
        ((broadcast, _),) = consoles.broadcasts.running.values()
        assert len(broadcast.subscribers) == 5
    assert not consoles.broadcasts.running


async def test_a_quality_is_chosen_and_changed_while_it_is_watched(machine: Painted, consoles: WebrtcConsoles) -> None:
    vm = switched_on(machine)
    async with browser(consoles, vm, Quality.SMALL) as small, browser(consoles, vm) as full:
        await asyncio.gather(small.shows(RED, (480, 300)), full.shows(RED))
        assert len(consoles.broadcasts.running) == 2
        await small.viewer.choose_quality(Quality.FULL)
        machine.paint(GREEN)
        await asyncio.gather(small.shows(GREEN), full.shows(GREEN))
        assert len(consoles.broadcasts.running) == 1


async def test_a_display_of_another_size_is_shown_as_it_is(machine: Painted, consoles: WebrtcConsoles) -> None:
    async with browser(consoles, switched_on(machine)) as viewing:
        await viewing.shows(RED)
        machine.paint(GREEN, (321, 243))
        await viewing.shows(GREEN, (321, 243))


async def test_messages_go_both_ways_and_what_is_held_down_is_let_go(
    machine: Painted, consoles: WebrtcConsoles
) -> None:
    async with browser(consoles, switched_on(machine)) as viewing:
        await viewing.say("hello", there=1)
        assert await asyncio.wait_for(viewing.viewer.receive(), 20) == '{"event": "hello", "data": {"there": 1}}'
        viewing.viewer.send('{"event":"welcome","data":{}}')
        await viewing.hears("welcome")
        for act in (Act("keydown", code=65), Act("keydown", code=66), Act("keyup", code=66), Act("buttondown", code=1)):
            await viewing.viewer.act(act)
    assert {(act.kind, act.code) for act in machine.acts[4:]} == {("keyup", 65), ("buttonup", 1)}


async def test_it_ends_with_the_machine_and_with_the_browser(machine: Painted, consoles: WebrtcConsoles) -> None:
    vm = switched_on(machine)
    async with browser(consoles, vm) as leaving:
        await leaving.shows(RED)
        async with browser(consoles, vm) as viewing:
            await viewing.shows(RED)
            await leaving.peer.close()
            with pytest.raises(NotFound):
                await asyncio.wait_for(leaving.viewer.receive(), 60)
            machine.switch_off(vm)
            with pytest.raises(NotFound):
                await asyncio.wait_for(viewing.viewer.receive(), 20)
    with pytest.raises(NotFound):
        async with consoles.watch(vm, Quality.FULL):
            pass


async def test_a_preview_is_made_twice_a_second_while_somebody_looks(
    machine: Painted, consoles: WebrtcConsoles
) -> None:
    vm = switched_on(machine)
    pictures = await asyncio.gather(*(consoles.preview(vm) for _ in range(500)))
    assert len(set(pictures)) == 1 and machine.shots == 1
    frame = width_of(pictures[0])
    assert frame == 400
    machine.paint(GREEN)

    async def newer() -> bool:
        return await consoles.preview(vm) != pictures[0]

    await eventually(newer)
    assert machine.shots < 5  # for some hundred looks
    await eventually(lambda: asyncio.sleep(0, not consoles.previews._previews))  # it is no longer asked for
    shots = machine.shots
    await consoles.preview(vm)
    assert machine.shots == shots + 1
    machine.switch_off(vm)

    async def is_switched_off() -> bool:
        try:
            await consoles.preview(vm)
        except NotFound:
            return True
        return False

    await eventually(is_switched_off)
    assert width_of(dummy()) == 320


def width_of(png: bytes) -> int:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big")
