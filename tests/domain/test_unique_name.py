"""One spelling for every way to write a name that people paste."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.unique_name import CODE_LETTERS, Alias, Code

LIKE_A_HYPHEN = "-‐‑‒–—―−﹣－\u00ad"
LIKE_A_SPACE = " \t\n\r\u00a0\u2009\u3000\u200b\ufeff"
between = st.text(LIKE_A_HYPHEN + LIKE_A_SPACE, max_size=3)
groups = st.lists(st.text(CODE_LETTERS, min_size=1, max_size=4), min_size=1, max_size=4)


@pytest.mark.fault("F70")
@given(groups, st.data())
def test_a_code_is_found_however_it_is_pasted(parts: list[str], data: st.DataObject) -> None:
    pasted = "".join(data.draw(between) + part for part in parts) + data.draw(between)
    assert Code.id_of(pasted) == Code.id_of(pasted.lower()) == Code.id_of("-".join(parts))


@pytest.mark.fault("F70")
@pytest.mark.parametrize("pasted", ["Brave–Otter–42", " brave-otter-42\n", "brave otter 42", "brave－otter－４２"])
def test_an_alias_is_found_however_it_is_pasted(pasted: str) -> None:
    assert Alias.id_of(pasted) == Alias.id_of("brave-otter-42")


@given(st.from_regex("[a-z]{3,8}-[a-z]{3,8}-[0-9]{2}", fullmatch=True))
def test_an_alias_of_0_1_keeps_its_id(alias: str) -> None:
    assert Alias.canonical(alias) == alias
