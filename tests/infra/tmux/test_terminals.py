"""Sessions, screens and keys on a real tmux."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.terminals import View
from domain.errors import NotFound
from infra.tmux import screens
from tests.support.server import WAIT_TIMEOUT_S, eventually
from tests.support.tmux import Tmux, address, drawn, terminals_of, tmux_server

RAW = "import os,sys,tty; tty.setraw(0); f=open(sys.argv[1],'wb',0)\nwhile d:=os.read(0,65536): f.write(d)"


async def until(view: View, expected: str) -> str:
    """All that the view gets until this text is in it."""
    text = ""
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        while expected not in text:
            text += (await view.next()).data
    return text


def recorder(tmux: Tmux, name: str, into: Path) -> None:
    """A session whose program writes down what is typed, byte by byte."""
    tmux.session(name, sys.executable, "-c", RAW, str(into))


async def test_sessions_are_seen_as_they_come_change_and_go(tmux: Tmux) -> None:
    async with terminals_of(tmux) as terminals:
        watch = terminals.watch_pool.own_host

        async def names() -> list[str]:
            return sorted(session.name for session in watch.state.sessions)

        async def see(*expected: str) -> None:
            async def has_names() -> bool:
                return await names() == sorted(expected)

            await eventually(has_names)

        await asyncio.wait_for(watch.is_known.wait(), WAIT_TIMEOUT_S)
        assert not watch.state.is_up
        tmux.session("main")
        await see("main")
        tmux.session("dev")
        await see("dev", "main")
        tmux("rename-session", "-t", "dev", "a'b\"c ##{x}$(id)")  # ## is a # to tmux
        await see("a'b\"c #{x}$(id)", "main")
        tmux("kill-session", "-t", "main")  # perhaps the one that we are attached to
        await see("a'b\"c #{x}$(id)")
        tmux.kill()
        await see()
        tmux.session("again")
        await see("again")


async def test_windows_and_panes(tmux: Tmux) -> None:
    tmux.session("main")
    tmux("split-window", "-h", "-t", "main")
    tmux("new-window", "-t", "main", "-n", "a\nb\tc", "printf 'h\\303\\251'; sleep 1000")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)

        async def drawn() -> bool:
            return "hé" in await terminals.capture(at, "0")

        await eventually(drawn)
        one, two = await terminals.windows(at)
        assert (one.index, one.active, [pane.index for pane in one.panes]) == (0, False, [0, 1])
        assert (two.index, two.active, two.name) == (1, True, "a b\tc")
        assert (two.panes[0].width, two.panes[0].height, two.panes[0].content.strip()) == (80, 24, "hé")
        assert sum(pane.width for pane in one.panes) == 79
        for pane in ("7", "x", "", "-1", "0;kill-server", "٠"):
            with pytest.raises(NotFound):
                await terminals.capture(at, pane)


@pytest.mark.fault("F76")
async def test_the_first_pane_answers_to_0_where_panes_are_counted_from_1(tmux: Tmux, tmp_path: Path) -> None:
    recorder(tmux, "main", tmp_path / "typed")
    tmux("set-option", "-g", "pane-base-index", "1")
    tmux("split-window", "-d", "-t", "main", "printf second; sleep 1000")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)

        async def is_drawn() -> bool:
            return "second" in await terminals.capture(at, "2")

        await eventually(is_drawn)
        (window,) = await terminals.windows(at)
        assert [pane.index for pane in window.panes] == [1, 2]
        assert await terminals.capture(at, "0") == await terminals.capture(at, "1")
        with pytest.raises(NotFound):
            await terminals.capture(at, "3")
        await terminals.type(at, "0", b"to the first")
        await eventually(lambda: asyncio.to_thread(lambda: (tmp_path / "typed").read_bytes() == b"to the first"))
        async with terminals.view(at, "0", plain=True) as zero, terminals.view(at, "2", plain=True) as two:
            assert (await zero.next()).size == (80, 12)
            await until(two, "second")
            await terminals.type(at, "0", b"!")  # now through the client that is attached
            await eventually(lambda: asyncio.to_thread(lambda: (tmp_path / "typed").read_bytes() == b"to the first!"))


async def test_a_session_of_another_server_is_not_ours(tmux: Tmux) -> None:
    tmux.session()
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        for stale in (replace(at, created_at=at.created_at.replace(year=2001)), replace(at, server=at.server + 1)):
            for ask in (terminals.windows(stale), terminals.capture(stale, None), terminals.type(stale, None, b"x")):
                with pytest.raises(NotFound):
                    await ask
            with pytest.raises(NotFound):
                async with terminals.view(stale, None, plain=False):
                    pass


async def test_a_viewer_gets_the_screen_and_then_what_is_written(tmux: Tmux) -> None:
    tmux.session("main", "sh", "-c", "printf 'one\\ntwo\\033[31m'; cat")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        await eventually(lambda: asyncio.to_thread(lambda: "two" in tmux.screen()))
        async with terminals.view(at, None, plain=False) as view:
            first = await view.next()
            assert (first.pane, first.size) == ("0", (80, 24))
            assert "\x1b[2J\x1b[Hone\r\ntwo" in first.data
            assert "\x1b[2J\x1b[Hone\r\ntwo\x1b[m\r\x1b[3C" in first.data
            await terminals.type(at, "0", "hé \\ 界".encode())
            text = await until(view, "界")
            assert text.startswith("hé \\") and "\ufffd" not in text


async def test_characters_that_come_in_halves_are_whole(tmux: Tmux) -> None:
    halves = r"while read -r x; do printf '\303'; sleep 0.05; printf '\251\347\225'; sleep 0.05; printf '\214|'; done"
    tmux.session("main", "sh", "-c", f"stty -echo; {halves}")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        async with terminals.view(at, None, plain=False) as view:
            await view.next()
            await terminals.type(at, None, b"\r")
            assert await until(view, "|") == "é界|"


async def test_it_follows_the_current_window_and_its_size(tmux: Tmux) -> None:
    tmux.session("main", "sh", "-c", "echo first; cat")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        async with terminals.view(at, None, plain=False) as view:
            await until(view, "first")
            tmux("new-window", "-t", "main", "echo second; cat")
            await until(view, "second")
            tmux("resize-window", "-t", "main", "-x", "60", "-y", "20")
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                while (await view.next()).size != (60, 20):
                    pass
            tmux("kill-window", "-t", "main")
            await until(view, "first")
            tmux.kill()
            with pytest.raises(NotFound):
                async with asyncio.timeout(WAIT_TIMEOUT_S):
                    while True:
                        await view.next()


async def test_a_client_that_is_detached_comes_back(tmux: Tmux) -> None:
    tmux.session("main", "cat")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        async with terminals.view(at, None, plain=False) as view:
            await view.next()
            tmux("detach-client", "-s", "main")
            await until(view, "\x1b[2J")  # the whole screen once more
            await terminals.type(at, None, b"here")
            await until(view, "here")


async def test_plain_viewers_get_whole_screens(tmux: Tmux) -> None:
    tmux.session("main", "cat")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        async with terminals.view(at, "0", plain=True) as view:
            assert (await view.next()).data.strip() == ""
            await terminals.type(at, None, b"one\r")
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                while (text := (await view.next()).data).split() != ["one", "one"]:
                    assert "\x1b" not in text
            assert text == tmux.screen().removesuffix("\n")


@pytest.fixture
def typed(tmux: Tmux, tmp_path: Path) -> Path:
    recorder(tmux, "main", tmp_path / "typed")
    return tmp_path / "typed"


SYNTAX = ["'", '"', ";", "\\;", "#{pane_id}", "#(touch x)", "$(id)", "`id`", "\n", "\r", "\0", "~", "{", "}", "%1", "é"]
KEYS = st.lists(st.one_of(st.sampled_from([text.encode() for text in SYNTAX]), st.binary(max_size=40)), max_size=12)


async def test_what_is_typed_is_what_arrives(tmux: Tmux, typed: Path) -> None:
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        await eventually(lambda: asyncio.to_thread(typed.exists))
        expected = b""

        async def arrived() -> bool:
            return typed.read_bytes() == expected

        loop = asyncio.get_running_loop()

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(KEYS)
        def try_keys(parts: list[bytes]) -> None:
            nonlocal expected
            keys = b"".join(parts)
            expected += keys
            asyncio.run_coroutine_threadsafe(terminals.type(at, None, keys), loop).result(WAIT_TIMEOUT_S)
            asyncio.run_coroutine_threadsafe(eventually(arrived), loop).result(WAIT_TIMEOUT_S * 2)

        await asyncio.to_thread(try_keys)
        assert len(tmux("list-panes", "-a").splitlines()) == 1


async def test_a_megabyte_is_typed_in_order(tmux: Tmux, typed: Path) -> None:
    keys = "".join(f"{n:07x}é" for n in range(120_000)).encode()[: 1 << 20]
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        await eventually(lambda: asyncio.to_thread(typed.exists))
        await terminals.type(at, None, keys)

        async def arrived() -> bool:
            return typed.stat().st_size >= len(keys)

        await eventually(arrived)
        assert typed.read_bytes() == keys


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
@settings(max_examples=25, deadline=None, database=None)
def test_a_name_is_only_ever_read(name: str) -> None:
    """tmux changes some characters of it; whatever it then is, is what is seen, and nothing else happens."""

    async def try_name() -> None:
        with tmux_server() as tmux:
            tmux.session("first")
            id = tmux.session("second")
            tmux("rename-session", "-t", id, "--", name.replace("\0", "").replace("#", "##"), check=False)
            tmux_name = tmux("display-message", "-p", "-t", id, "#{session_name}").removesuffix("\n")
            async with terminals_of(tmux) as terminals:
                at = await address(terminals, tmux_name)
                assert at.tmux_id == id
                assert len(await terminals.windows(at)) == 1
                await terminals.type(at, None, b"x")

    asyncio.run(try_name())


async def test_who_falls_behind_gets_the_screen_and_nobody_grows(tmux: Tmux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "MAX_QUEUED_CHARS", 1 << 14)
    tmux.session("main", "sh", "-c", "read x; seq 200000; echo done; cat")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        async with (
            terminals.view(at, None, plain=False) as slow,
            terminals.view(at, None, plain=False) as quick,
        ):
            assert isinstance(slow, screens.Viewer)
            await slow.next()
            await quick.next()
            await terminals.type(at, None, b"\r")
            await until(quick, "done")
            assert slow._queued_chars <= 1 << 14
            text = await until(slow, "done")
            last = re.split(r"\x1b\[2J\x1b\[H", text)[-1]
            assert "199999\r\n200000\r\ndone" in last


@pytest.mark.parametrize("burst", ["yes | head -n 200000", "seq 50000; printf '\\033[2J\\033[H\\033[31mred'"])
async def test_two_hundred_viewers_all_end_with_what_is_on_the_screen(tmux: Tmux, tmp_path: Path, burst: str) -> None:
    tmux.session("main", "sh", "-c", f"read x; {burst}; echo; echo ov''er; cat")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        max_queued_chars = 0

        async def watch(view: View, begin: asyncio.Event) -> str:
            nonlocal max_queued_chars
            assert isinstance(view, screens.Viewer)
            text = ""
            async with asyncio.timeout(60):
                while "over" not in text:
                    text += (await view.next()).data
                    text = text[max(0, text.rfind("\x1b[2J\x1b[H") - 60) :]
                    await begin.wait()
                    max_queued_chars = max(max_queued_chars, view._queued_chars)
            return text

        quick, slow = asyncio.Event(), asyncio.Event()
        quick.set()
        async with AsyncExitStack() as stack:
            views = [await stack.enter_async_context(terminals.view(at, None, plain=False)) for _ in range(200)]
            watching = [
                asyncio.create_task(watch(view, slow if n % 20 == 0 else quick)) for n, view in enumerate(views)
            ]
            await terminals.type(at, None, b"\r")
            await asyncio.gather(*(task for n, task in enumerate(watching) if n % 20))
            slow.set()
            texts = set(await asyncio.gather(*watching))
        assert max_queued_chars <= screens.MAX_QUEUED_CHARS
        final = tmux.screen()
        assert "over" in final
        for data in texts:
            assert await drawn(tmux, data, tmp_path / "data") == final
