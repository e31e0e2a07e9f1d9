"""What a viewer who comes late is drawn, as another terminal shows it: the same as the pane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from application.ports.errors import Unavailable
from application.ports.terminals import View
from tests.support.server import eventually
from tests.support.tmux import Tmux, address, drawing, terminals_of

MODES = "#{mouse_standard_flag}#{mouse_button_flag}#{mouse_all_flag}#{mouse_utf8_flag}#{mouse_sgr_flag} " + (
    "#{cursor_flag}#{keypad_flag}#{keypad_cursor_flag}#{insert_flag}#{wrap_flag}#{origin_flag}#{bracket_paste_flag} "
    "#{scroll_region_upper}-#{scroll_region_lower} #{cursor_x},#{cursor_y} #{alternate_on}"
)


@asynccontextmanager
async def late_viewer(tmux: Tmux, script: str, ready: str = "ready") -> AsyncIterator[tuple[View, str]]:
    """A view of the session "main" whose program has run this script, up to a signal, and its first screen."""
    tmux.session("main", "sh", "-c", f"stty -echo; {script}; tmux wait-for -S {ready}; read x; echo left; cat")
    await asyncio.to_thread(tmux, "wait-for", ready)
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        async with terminals.view(at, None, plain=False) as view:
            yield view, (await view.next()).data


def modes(tmux: Tmux, name: str) -> str:
    return tmux("display-message", "-p", "-t", name, MODES)


@pytest.mark.fault("F60")
async def test_what_a_full_screen_program_covers_is_there_once_it_has_ended(tmux: Tmux, tmp_path: Path) -> None:
    script = "seq 40; printf '$ vim'; printf '\\033[?1049h\\033[2J\\033[Hfull\\033[5;5H'"
    async with late_viewer(tmux, script) as (_, first):
        async with drawing(tmux, first, tmp_path / "data"):
            assert tmux.screen("drawn") == tmux.screen()
        # when
        async with drawing(tmux, f"{first}\x1b[?1049l", tmp_path / "data"):
            uncovered = tmux.screen("drawn")
    # then
    assert uncovered.splitlines() == [str(n) for n in range(18, 41)] + ["$ vim"]


@pytest.mark.fault("F61")
async def test_a_prompt_below_few_lines_is_seen_on_a_smaller_terminal(tmux: Tmux, tmp_path: Path) -> None:
    async with (
        late_viewer(tmux, "printf 'one\\ntwo\\n$ '") as (_, first),
        drawing(tmux, f"{first}ls", tmp_path / "data", lines=10),
    ):
        assert tmux.screen("drawn").splitlines()[:4] == ["one", "two", "$ ls", ""]


@pytest.mark.fault("F61")
@pytest.mark.parametrize(("row", "visible"), [(24, range(15, 25)), (20, range(15, 25)), (5, range(5, 15))])
async def test_a_smaller_terminal_shows_the_part_with_the_cursor(
    tmux: Tmux, tmp_path: Path, row: int, visible: range
) -> None:
    lines = "for n in $(seq 23); do printf '\\033[3%dmline %d\\033[m\\n' $((n%8)) $n; done"
    script = f"{lines}; printf 'line 24\\033[{row};1H'"
    async with late_viewer(tmux, script) as (_, first):
        async with drawing(tmux, f"{first}X", tmp_path / "data", lines=10):
            lines_drawn = tmux.screen("drawn").splitlines()
        async with drawing(tmux, first, tmp_path / "data"):
            assert tmux("capture-pane", "-e", "-p", "-t", "drawn") == tmux("capture-pane", "-e", "-p", "-t", "main")
            assert modes(tmux, "drawn") == modes(tmux, "main")
    assert lines_drawn == [f"line {n}" if n != row else f"Xine {n}" for n in visible]


@pytest.mark.fault("F62")
@pytest.mark.parametrize(
    "sequence",
    [
        *("?1000h", "?1002h", "?1003h", "?1000h\\033[?1006h", "?1002h\\033[?1005h"),
        *("?25l", "?1h", "4h", "?7l", "?2004h", "5;10r", "5;10r\\033[?6h\\033[3;4H", "5;10r\\033[7;7H"),
    ],
)
async def test_the_modes_are_those_that_the_program_has_asked_for(tmux: Tmux, tmp_path: Path, sequence: str) -> None:
    had_other_modes = "\x1b[?1003h\x1b[?1006h\x1b[?25l"
    async with (
        late_viewer(tmux, f"seq 30; printf '\\033[{sequence}'") as (_, first),
        drawing(tmux, had_other_modes + first, tmp_path / "data"),
    ):
        assert modes(tmux, "drawn") == modes(tmux, "main")
        assert tmux.screen("drawn") == tmux.screen()


@pytest.mark.fault("F65")
@pytest.mark.parametrize(
    "change",
    [
        ("respawn-pane", "-k", "-t", "main", "echo anew; cat"),
        ("send-keys", "-R", "-t", "main"),
        ("send-keys", "-t", "main", "Enter"),  # and the program ends
    ],
    ids=["another program", "a reset", "the program's end"],
)
async def test_viewers_get_a_fresh_screen_after(tmux: Tmux, tmp_path: Path, change: tuple[str, ...]) -> None:
    # given
    tmux.session("main", "sh", "-c", "stty -echo; printf 'old\\nold\\n'; tmux wait-for -S ready; read x")
    tmux("set-option", "-t", "main", "remain-on-exit", "on")
    await asyncio.to_thread(tmux, "wait-for", "ready")
    async with terminals_of(tmux) as terminals:
        at = await address(terminals)
        async with terminals.view(at, None, plain=False) as view:
            data = (await view.next()).data
            assert "old" in data
            # when
            tmux(*change)

            # then
            async def is_the_same() -> bool:
                nonlocal data
                try:
                    async with asyncio.timeout(0.2):
                        data += (await view.next()).data
                except TimeoutError:
                    pass
                async with drawing(tmux, data, tmp_path / "data"):
                    return tmux.screen("drawn") == tmux.screen()

            await eventually(is_the_same)
            assert "old" not in tmux.screen() or "dead" in tmux.screen()


@pytest.mark.fault("F63")
@pytest.mark.parametrize("mode", ["copy-mode", "clock-mode"])
@pytest.mark.parametrize("count", [1, 50_000])
async def test_keys_reach_the_program_and_leave_a_mode_of_tmux(tmux: Tmux, mode: str, count: int) -> None:
    tmux.session("main", "sh", "-c", f"stty raw -echo; tmux wait-for -S ready; head -c {count} | wc -c; cat")
    await asyncio.to_thread(tmux, "wait-for", "ready")
    tmux(mode, "-t", "main")
    async with terminals_of(tmux) as terminals:
        # when
        await terminals.type(await address(terminals), None, b"q" * count)

        # then
        async def have_arrived() -> bool:
            return str(count) in tmux.screen()

        await eventually(have_arrived)
    assert tmux("display-message", "-p", "-t", "main", "#{pane_in_mode}") == "0\n"


@pytest.mark.fault("F63")
@pytest.mark.parametrize("count", [1, 50_000])
async def test_a_program_that_has_ended_takes_no_keys_and_the_error_says_so(tmux: Tmux, count: int) -> None:
    tmux.session("other")
    tmux("set-option", "-g", "remain-on-exit", "on")
    tmux.session("main", "true")

    async def has_died() -> bool:
        return tmux("display-message", "-p", "-t", "main", "#{pane_dead}") == "1\n"

    await eventually(has_died)
    async with terminals_of(tmux) as terminals:
        with pytest.raises(Unavailable, match="has ended"):
            await terminals.type(await address(terminals), None, b"x" * count)
    assert tmux("list-buffers") == ""


@pytest.mark.fault("F66")
async def test_ten_megabytes_are_typed_while_others_go_on(tmux: Tmux, tmp_path: Path) -> None:
    # given
    keys = b"".join(b"%08x\0\n\r\x1b;" % n for n in range(800_000))
    tmux.session("main", "sh", "-c", f"stty raw -echo; tmux wait-for -S ready; head -c {len(keys)} >'{tmp_path}/typed'")
    tmux.session("other")
    await asyncio.to_thread(tmux, "wait-for", "ready")
    async with terminals_of(tmux) as terminals:
        # when
        at, other = await address(terminals), await address(terminals, "other")
        typing = asyncio.create_task(terminals.type(at, None, keys))
        answers = 0
        while not typing.done():
            await terminals.type(other, None, b"x")
            answers += 1
        await typing

        # then
        async def have_arrived() -> bool:
            return (tmp_path / "typed").stat().st_size == len(keys)

        await eventually(have_arrived)
    assert (tmp_path / "typed").read_bytes() == keys
    assert answers > 10
    assert tmux("list-buffers") == ""
