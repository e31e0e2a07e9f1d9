"""The same key asks once."""

import pytest

from domain.errors import Conflict, Invalid
from domain.request_key import RequestKey
from tests.support.stories.workspaces import ANNA
from tests.support.story import SUBJECT, Story

used = Story(RequestKey).given(RequestKey.Used, owner_id=ANNA, fingerprint="f", subject_id=SUBJECT)


def test_the_same_request_under_a_key_is_the_same_thing() -> None:
    assert used.state.subject_of("f") == SUBJECT


def test_another_request_under_it_is_refused() -> None:
    used.when(RequestKey.subject_of, "g").refused(Conflict, "another request")


def test_a_key_is_somebodys() -> None:
    assert RequestKey.id_of(ANNA, "k") == RequestKey.id_of(ANNA, "k")
    assert RequestKey.id_of(ANNA, "k") != RequestKey.id_of(SUBJECT, "k")


@pytest.mark.parametrize("key", ["", "  ", "k" * 256, "a\nb"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(Invalid):
        RequestKey.id_of(ANNA, key)
