"""Makes aliases of sessions, such as brave-otter-42, with the library coolname, which leaves out offensive words."""

from __future__ import annotations

import random

import coolname

MIN_SUFFIX, MAX_SUFFIX = 10, 99

_random = random.SystemRandom()  # an ordinary generator would let a collector of aliases predict the next
coolname.replace_random(_random)


def random_alias() -> str:
    """The `Aliases` port: one of 29 million."""
    return f"{coolname.generate_slug(2)}-{_random.randint(MIN_SUFFIX, MAX_SUFFIX)}"
