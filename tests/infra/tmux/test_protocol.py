"""The parser of tmux's control mode, and the commands that are sent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.tmux.protocol import MAX_ANSWER_BYTES, Message, Notice, Output, Parser, Reply, quote_id, send_keys, unescape


def parse(data: bytes, *cuts: int, verbatim: int = 0) -> list[Message]:
    parser = Parser()
    parser.verbatim_lines = verbatim
    messages: list[Message] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        messages += parser.feed(data[start:end])
    return messages


def escape(data: bytes) -> bytes:
    return b"".join(b"\\%03o" % byte if byte < 32 or byte == 92 else bytes([byte]) for byte in data)


@given(st.binary(max_size=300))
def test_what_was_written_is_what_is_read(data: bytes) -> None:
    assert unescape(escape(data)) == data


TRANSCRIPT = (
    b"%begin 17 1 0\n%end 17 1 0\n%session-changed $3 a b\n%output %5 one\\015\\012\n%begin 17 9 1\nx\n%end 17 8 1\n"
    b"%output %5 no\n%end 17 9 1\n%extended-output %5 0 : \\134015 \xc3\xa9 : \n"
    b"%begin 17 10 1\nbad\n%error 17 10 1\n%exit\n"
)


@given(st.lists(st.integers(0, len(TRANSCRIPT)), max_size=9))
def test_it_may_come_in_any_pieces(cuts: list[int]) -> None:
    assert parse(TRANSCRIPT, *sorted(cuts)) == [
        Notice("%session-changed", "$3 a b"),
        Output("%5", b"one\r\n"),
        Reply(True, [b"x", b"%end 17 8 1", b"%output %5 no"]),
        Output("%5", "\\015 é : ".encode()),
        Reply(False, [b"bad"]),
        Notice("%exit", ""),
    ]


def test_a_screen_cannot_end_its_own_answer() -> None:
    forged = b"%begin 17 9 1\n%end 17 9 1\n%error 17 9 1\n%end 17 9 1\n"
    assert parse(forged, verbatim=2) == [Reply(True, [b"%end 17 9 1", b"%error 17 9 1"])]


@given(st.binary(max_size=5000))
def test_keys_are_nothing_but_numbers_in_a_command(keys: bytes) -> None:
    commands = list(send_keys("%5", keys))
    assert all(
        re.fullmatch(r"send-keys -t '%5' -H( [0-9a-f]{2})*", command) and len(command) < 4096 for command in commands
    )
    assert b"".join(bytes.fromhex(command.partition("-H ")[2]) for command in commands) == keys


@pytest.mark.parametrize("id", ["", "main", "$", "%1;kill-server", "%1\n", "'%1'", "#{pane_id}", "%٣"])
def test_only_ids_are_ids(id: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        quote_id(id)


@pytest.mark.parametrize("piece", [b"x" * (1 << 16), b"%begin 1 1 1\n" + b"line\n" * 13_200, b"%output %5\n"])
def test_what_never_ends_or_makes_no_sense_is_refused(piece: bytes) -> None:
    parser = Parser()
    with pytest.raises(ValueError, match="end|unpack|delimit"):
        for _ in range(MAX_ANSWER_BYTES // (1 << 16) + 2):
            list(parser.feed(piece))
            piece = piece.removeprefix(b"%begin 1 1 1\n")
