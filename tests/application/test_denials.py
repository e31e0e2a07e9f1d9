"""Refusals in the words of the people who read them, not in those of the code."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from application.access import NEEDS, Actor, require
from application.denials import ACTS
from domain.errors import NotAllowed, NotFound
from domain.scope import Scope

pytestmark = pytest.mark.fault("F28")
INTERNAL = re.compile(r"\w_\w|\w\.\w")


def sentence(action: str, scopes: frozenset[Scope] | None = None, others: bool = False) -> str:
    """The sentence that an actor without any role gets; "" if they may do this."""
    try:
        require(Actor(uuid4(), "eve", "", scopes=scopes), action, holder=uuid4() if others else None)
    except (NotAllowed, NotFound) as refusal:
        return str(refusal)
    return ""


def test_every_action_has_words() -> None:
    assert ACTS.keys() == NEEDS.keys()


@pytest.mark.parametrize("action", NEEDS)
def test_no_sentence_has_an_internal_word(action: str) -> None:
    sentences = [sentence(action), sentence(action, others=True), sentence(action, frozenset())]
    assert sentences[-1]
    for text in filter(None, sentences):
        assert not INTERNAL.search(text), text


def test_a_refusal_says_who_may_and_what_to_do() -> None:
    assert sentence("user.manage") == (
        "only users whose role is admin or higher may manage users; ask an admin for that role"
    )
    assert sentence("vm.operate") == (
        "only users of type administrator may start and stop virtual machines; ask one of them"
    )
    assert sentence("hosted_session.see", others=True) == "no such session"
    assert "its scope is audit" in sentence("workspace.list", frozenset({Scope.AUDIT}))
