"""Every marker names a fault of `tests/faults.toml`, and every fault there has a test that shows its mending."""

from __future__ import annotations

from tests.support.faults import faults, tests_by_fault


def test_no_test_names_a_fault_that_is_not_listed() -> None:
    assert sorted(tests_by_fault().keys() - faults().keys()) == []
