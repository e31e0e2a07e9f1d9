"""Aliases of sessions, such as brave-otter-42: from the library coolname, which leaves out words that hurt."""

from __future__ import annotations

import random

import coolname

NUMBERS = 10, 99

_chance = random.SystemRandom()  # whoever has seen many aliases cannot tell the next
coolname.replace_random(_chance)


def alias() -> str:
    """The `Aliases` port. There are 29 million."""
    return f"{coolname.generate_slug(2)}-{_chance.randint(*NUMBERS)}"
