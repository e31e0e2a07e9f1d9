"""The word rules, held by a program: each test fails with the rule's sentence and the places that break it."""

from __future__ import annotations

import pytest

from tests.support import words

RULES = (words.NAMES, words.UNITS, words.SIGNATURES, words.PORTS, words.ROOMS)


@pytest.fixture(scope="module")
def breaches() -> list[words.Breach]:
    """Every breach in the tree."""
    return [
        breach
        for path in words.files([words.ROOT / folder for folder in words.FOLDERS])
        for breach in words.breaches(path)
    ]


@pytest.mark.parametrize("rule", RULES, ids=["names", "units", "signatures", "ports", "rooms"])
def test_words(breaches: list[words.Breach], rule: str) -> None:
    places = [str(breach) for breach in breaches if breach.rule == rule]
    assert not places, "\n".join([rule, *places])
