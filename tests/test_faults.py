"""Every marker names a fault of `tests/faults.toml`, and every fault there has a test that shows its mending."""

from __future__ import annotations

from tests.support import faults


def test_no_test_names_a_fault_that_is_not_listed() -> None:
    assert sorted(faults.shown_by().keys() - faults.faults().keys()) == []


def test_every_fault_is_shown_by_a_test() -> None:
    assert sorted(faults.faults().keys() - faults.shown_by().keys()) == []
