"""The changes that `make mutants` tries are those that programmers make by mistake, and all can be parsed."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.mutants import mutants_of
from tests.support.mutation import ROOT, sources

SOURCE = '''
LIMIT = 5


def decide(now: int, ends: int | None, names: list[str]) -> bool:
    """Text stays."""
    log.info("é", extra={"limit": 3})
    if not names:
        return True
    names.append("x")
    return ends is not None and (
        now >= ends
    )
'''


def test_each_change_is_one_of_an_expression_or_a_call() -> None:
    assert sorted(mutant.describe(SOURCE) for mutant in mutants_of(Path("a.py"), SOURCE)) == [
        'a.py:10: a call is dropped: `names.append("x")` is now `pass`',
        "a.py:11: another comparison: `is not` is now ` is `",
        "a.py:11: nothing is returned: `ends is not None and ( now >= ends )` is now `None`",
        "a.py:11: without `ends is not None`: `ends is not None and ( now >= ends )` is now `(now >= ends)`",
        "a.py:11: without `now >= ends`: `ends is not None and ( now >= ends )` is now `(ends is not None)`",
        "a.py:12: another comparison: `>=` is now ` > `",
        "a.py:8: not is dropped: `not names` is now `(names)`",
        "a.py:9: nothing is returned: `True` is now `None`",
        "a.py:9: the other truth: `True` is now `False`",
    ]


def test_changes_can_be_parsed() -> None:
    for path in sources():
        source = (ROOT / path).read_text()
        for mutant in list(mutants_of(path, source))[::20]:
            ast.parse(mutant.apply(source))
