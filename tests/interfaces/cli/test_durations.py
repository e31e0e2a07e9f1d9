"""Durations on the command line."""

from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from interfaces.cli.durations import parse_seconds, render_duration


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1h30m", 5400),
        ("3d", 259_200),
        ("1d2h3m4s", 93_784),
        (" 1H ", 3600),
    ],
)
def test_it_reads_what_people_write(written: str, expected: int) -> None:
    assert parse_seconds(written) == expected


@pytest.mark.parametrize("written", ["", " ", "soon", "1x", "h", "-5m", "1.5h", "30m1h", "1h 30m", "٣m"])
def test_it_says_how_a_duration_is_written(written: str) -> None:
    with pytest.raises(typer.BadParameter, match="1h30m"):
        parse_seconds(written)


@given(st.integers(0, 10**9))
def test_what_it_shows_it_reads_as_nearly_the_same(number: int) -> None:
    parsed = parse_seconds(render_duration(number))
    assert 0 <= number - parsed < max(60, number // 24)


def test_it_shows_two_units_at_most() -> None:
    assert [render_duration(n) for n in (0, 59, 60, 3661, 90_061)] == ["0s", "59s", "1m", "1h1m", "1d1h"]
