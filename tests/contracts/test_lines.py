"""Every line of the contracts has a test, and every marker names a line."""

from __future__ import annotations

import pytest

from tests.contracts.lines import lines, shown_by

COUNTS = [
    ("vm_api", "V", 43),
    ("chrote", "C", 64),
    ("warpdrive", "W", 36),
    ("clarateach", "T", 49),
    ("neptuned", "N", 60),
]


def test_every_line_is_shown_by_a_test() -> None:
    assert sorted(lines().keys() - shown_by().keys()) == []


def test_no_test_names_a_line_that_there_is_not() -> None:
    assert sorted(shown_by().keys() - lines().keys()) == []


@pytest.mark.parametrize(("contract", "letter", "count"), COUNTS)
def test_no_line_is_missing(contract: str, letter: str, count: int) -> None:
    names = [line.name for line in lines().values() if line.contract == contract]
    assert names == [f"{letter}{n:02}" for n in range(1, count + 1)]
