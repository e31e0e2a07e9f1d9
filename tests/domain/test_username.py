"""What is a name that one registers with, and which names are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.username import MAX_USERNAME_CHARS, fold_username, validate_username


@given(st.text(max_size=40))
def test_what_is_taken_is_kept_as_it_is_shown_and_found_again(text: str) -> None:
    try:
        name = validate_username(text)
    except Invalid:
        return
    assert validate_username(name) == name and name.isprintable() and 0 < len(name) <= MAX_USERNAME_CHARS
    assert fold_username(text) == fold_username(name) == fold_username(fold_username(name))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_-.", min_size=1, max_size=MAX_USERNAME_CHARS))
def test_plain_names_are_names_in_any_case(text: str) -> None:
    assert validate_username(text) == text
    assert fold_username(text.upper()) == fold_username(text) == text


@pytest.mark.parametrize(
    ("one", "other"), [("stra\u00dfe", "STRASSE"), ("\uff21da", "ada"), ("Zoe\u0308", "zo\u00eb"), ("\u2126", "\u03c9")]
)
def test_ways_to_write_one_name_are_one(one: str, other: str) -> None:
    assert fold_username(one) == fold_username(other)


@pytest.mark.parametrize("text", ["\u0430da", "ad\u03b1", "p\u0430yp\u0430l"])
def test_letters_that_look_alike_are_not_mixed(text: str) -> None:
    with pytest.raises(Invalid, match="alike"):
        validate_username(text)


def test_nothing_that_is_looked_up_breaks_the_database() -> None:
    assert "\0" not in fold_username("a\0b") and fold_username("a\0b") != fold_username("ab")
