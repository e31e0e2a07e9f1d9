"""The runner itself: what it takes for an answer, and that it notices what a reader would."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.docs.answers import answer_difference, plain
from tests.docs.page import ROOT, UnclearBlock, parse_page, with_ports
from tests.docs.terminals import Failed, FirstTerminal, Terminal
from tests.support.cli import within


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nb\nc\n", False),
        ("id … runs", "id 42 runs\n", True),
        ("id …", "id 42\nmore\n", False),
        ("…\nend", "one\ntwo\nend\n", True),
        ("begin\n…", "begin\n", True),
        ("a", "a   \n", True),
    ],
)
def test_text(expected: str, output: str, same: bool) -> None:
    assert (answer_difference("text", expected, output) is None) is same


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ('{"a": 1}', '{"a":1}', True),
        ('{"a": 1}', '{"a":1,"b":2}', False),
        ('{"a": 1, "…": "…"}', '{"a":1,"b":2}', True),
        ('{"a": 1, "b": 2, "…": "…"}', '{"a":1}', False),
        ('{"a": "…"}', '{"a":{"b":2}}', True),
        ('{"at": "2…Z"}', '{"at":"2030Z"}', True),
        ("[1]", "[1, 2]", False),
        ('[1, "…"]', "[1, 2]", True),
        ('{"a": true}', '{"a":1}', False),
        ('{"a": 1}', "nothing", False),
    ],
)
def test_json(expected: str, output: str, same: bool) -> None:
    assert (answer_difference("json", expected, output) is None) is same


def test_what_a_terminal_draws_is_plain() -> None:
    assert plain("\x1b[1mname\x1b[0m\r\n\x1b]0;title\x07lab\r\n") == "name\nlab\n"


def test_blocks_of_a_page() -> None:
    text = "\n".join(
        (
            "# T",
            "<!-- needs: jq -->",
            "```bash",
            "A=1",
            "```",
            "```bash terminal=two",
            "B",
            "```",
            "```ini file=a/b.ini",
            "[x]",
            "```",
        )
        + (
            "<!-- not run: no systemd -->",
            "```bash",
            "systemctl",
            "```",
            "```",
            "a drawing",
            "```",
            "http://127.0.0.1:3000",
        )
    )
    page = parse_page("p.md", text)
    assert page.needs == {"jq"}
    assert page.ports == ("3000",)
    assert [(block.line, block.terminal, block.file, block.not_run) for block in page.blocks] == [
        (3, "", None, None),
        (6, "two", None, None),
        (9, "", "a/b.ini", None),
        (13, "", None, "no systemd"),
    ]


@pytest.mark.parametrize("info", ["nginx", "bash run=no", "python"])
def test_a_block_without_a_rule_is_refused(info: str) -> None:
    with pytest.raises(UnclearBlock, match="p.md:1"):
        parse_page("p.md", f"```{info}\nx\n```")


def test_only_ports_are_replaced() -> None:
    text = "curl http://127.0.0.1:3000/x; listen 3000; --ttl 3000; a:30001; ARGS='--bind 127.0.0.1:3000'"
    assert (
        with_ports(text, {"3000": 4})
        == "curl http://127.0.0.1:4/x; listen 4; --ttl 3000; a:30001; ARGS='--bind 127.0.0.1:4'"
    )


@pytest.fixture
def first(tmp_path: Path) -> Iterator[FirstTerminal]:
    terminal = FirstTerminal(ROOT, {"PATH": os.environ["PATH"]}, tmp_path)
    yield terminal
    terminal.close()


def test_one_shell_for_all_blocks(first: FirstTerminal, tmp_path: Path) -> None:
    assert first.paste("A=1\ncd " + str(tmp_path)) == ""
    assert first.paste('echo "$A"\ncat <<END\ntwo\nEND\necho three >&2') == "1\ntwo\nthree\n"
    assert first.folder == tmp_path


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("false\necho on", r"line 1: `false` failed with status 1\nIt has printed:\non"),
        ('echo "$ID"', "ID: unbound variable"),
        ("false | cat", "failed with status 1"),
        ("exit 3", "the shell has ended"),
        ("A=$(false)", "failed with status 1"),
    ],
)
def test_what_fails_is_noticed(first: FirstTerminal, block: str, message: str) -> None:
    with pytest.raises(Failed, match=message):
        first.paste(block)


def test_what_a_block_leaves_running_ends_with_the_page(tmp_path: Path) -> None:
    terminal = FirstTerminal(ROOT, {"PATH": os.environ["PATH"]}, tmp_path)
    pid = int(terminal.paste("sleep 1000 &\necho $!"))
    terminal.close()
    within(5, lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


UNTIL_CTRL_C = """
import time
try:
    print("waiting", flush=True)
    time.sleep(1000)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_another_terminal_shows_what_goes_on_in_it() -> None:
    terminal = Terminal("two", ROOT, {"PATH": os.environ["PATH"]})
    try:
        terminal.paste('echo ready; read line; echo "[$line]"\n')
        terminal.wait_for("ready")
        terminal.paste("typed\n")
        terminal.wait_for("[…]")
        terminal.paste(f"{sys.executable} -c '{UNTIL_CTRL_C}'\n")
        terminal.wait_for("waiting")
        terminal.paste("^C\n")
        terminal.wait_for("…interrupted")
    finally:
        terminal.close()
