"""What is a name that one registers with, and which names are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.username import LONGEST, checked, folded


@given(st.text(max_size=40))
def test_what_is_taken_is_kept_as_it_is_shown_and_found_again(text: str) -> None:
    try:
        name = checked(text)
    except Invalid:
        return
    assert checked(name) == name and name.isprintable() and 0 < len(name) <= LONGEST
    assert folded(text) == folded(name) == folded(folded(name))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_-.", min_size=1, max_size=LONGEST))
def test_plain_names_are_names_in_any_case(text: str) -> None:
    assert checked(text) == text
    assert folded(text.upper()) == folded(text) == text


@pytest.mark.parametrize(
    ("one", "other"), [("stra\u00dfe", "STRASSE"), ("\uff21da", "ada"), ("Zoe\u0308", "zo\u00eb"), ("\u2126", "\u03c9")]
)
def test_ways_to_write_one_name_are_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize("text", ["\u0430da", "ad\u03b1", "p\u0430yp\u0430l"])
def test_letters_that_look_alike_are_not_mixed(text: str) -> None:
    with pytest.raises(Invalid, match="alike"):
        checked(text)


def test_nothing_that_is_looked_up_breaks_the_database() -> None:
    assert "\0" not in folded("a\0b") and folded("a\0b") != folded("ab")
