"""Makes random texts that people read out to one another: hard to guess, and without letters that look alike."""

from __future__ import annotations

from secrets import choice

from domain.unique_name import CODE_LETTERS

LOWER_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without 0 and o, 1, i and l


class RandomLabels:
    """The `Labels` port."""

    def new_number(self) -> str:
        """Return a new name of a workshop: "ws-" and six letters or digits."""
        return f"ws-{random_text(LOWER_LETTERS, 6)}"

    def new_code(self) -> str:
        """Return a new code to join a workshop with: XXXX-XXXX."""
        return f"{random_text(CODE_LETTERS, 4)}-{random_text(CODE_LETTERS, 4)}"

    def new_access_code(self) -> str:
        """Return a new access code of a registration: XXX-XXXX."""
        return f"{random_text(CODE_LETTERS, 3)}-{random_text(CODE_LETTERS, 4)}"

    def new_odehash(self) -> str:
        """Return a new code for a learner to reconnect with: five letters or digits."""
        return random_text(LOWER_LETTERS, 5)


def random_text(letters: str, length: int) -> str:
    """Return `length` characters, each chosen from `letters` by the system's secure generator."""
    return "".join(choice(letters) for _ in range(length))
