"""Texts that people read out to one another: nobody guesses them, and no letter is taken for another one."""

from __future__ import annotations

from secrets import choice

from domain.unique_name import CODE_LETTERS

SMALL = "abcdefghjkmnpqrstuvwxyz23456789"  # without 0 and o, 1, i and l


class RandomLabels:
    """The `Labels` port."""

    def number(self) -> str:
        return f"ws-{chosen(SMALL, 6)}"

    def code(self) -> str:
        return f"{chosen(CODE_LETTERS, 4)}-{chosen(CODE_LETTERS, 4)}"

    def odehash(self) -> str:
        return chosen(SMALL, 5)


def chosen(letters: str, count: int) -> str:
    return "".join(choice(letters) for _ in range(count))
