"""Names have one form, and show everything that is in them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.name import MAX_NAME_CHARS, normalize_name, validate_name, visible_name

ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f", "\u3164", "\u2800")
BIDI = ("\u202a", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c")
CONTROLS = ("\0", "\t", "\n", "\x1b", "\x7f", "\x85", "\u2028")


@pytest.mark.fault("F18")
@pytest.mark.parametrize("space", [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Zs"])
def test_spaces_of_every_kind_are_one_space(space: str) -> None:
    assert validate_name(f"{space}山田{space}{space} 太郎{space}") == "山田 太郎"


@pytest.mark.fault("F18")
def test_a_composed_and_a_decomposed_name_are_one() -> None:
    assert validate_name("Zoe\u0301") == validate_name("Zo\u00e9") == "Zo\u00e9"


@pytest.mark.fault("F18")
@pytest.mark.parametrize("char", [*ZERO_WIDTH, *BIDI, *CONTROLS])
def test_what_cannot_be_seen_is_refused_by_its_name(char: str) -> None:
    with pytest.raises(Invalid) as refusal:
        validate_name(f"ol{char}ga")
    assert f"U+{ord(char):04X}" in str(refusal.value) and "at character 3" in str(refusal.value)
    assert unicodedata.name(char, "") in str(refusal.value)


@pytest.mark.parametrize("name", ["❤\ufe0f lab", "Søren's lab #1", "ガラス", "नमस्ते", "a_b-c.d"])
def test_what_can_be_seen_is_taken_as_it_is(name: str) -> None:
    assert validate_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", ["", " ", "\u3000", "\u00a0\u2003"])
def test_a_blank_name_is_none(name: str) -> None:
    with pytest.raises(Invalid, match="must not be blank"):
        validate_name(name)


@pytest.mark.fault("F18")
@given(st.text(max_size=200))
@example("A\u030a\u3000\u00a0b")
@example(" \u0301a")
def test_a_name_has_one_form(text: str) -> None:
    try:
        name = validate_name(text)
    except Invalid as refusal:
        assert str(refusal).isprintable()
        return
    assert validate_name(name) == name == normalize_name(text)
    assert 0 < len(name) <= MAX_NAME_CHARS and name.isprintable()
    assert unicodedata.is_normalized("NFC", name)
    assert "  " not in name and not any(c.isspace() and c != " " for c in name)
    assert validate_name(unicodedata.normalize("NFD", name)) == name, "however it is typed"


@pytest.mark.fault("F18")
@given(st.text(max_size=90))
def test_what_others_vouch_for_becomes_a_name(text: str) -> None:
    name = visible_name(text)
    assert not name or validate_name(name) == name
