"""One story again and again, each time with another of its effects struck: afterwards all agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path

from tests.crash.lies import Lie, World
from tests.crash.lives import Step, live
from tests.support.databases import emptied

Times = Callable[[str, int], int]  # of how many the first so many are struck, by the effect and how often it happens


def each(effect: str, times: int) -> int:
    return times


async def struck(
    database: str, home: Path, steps: Sequence[Step], how: Lie, to_strike: Collection[str], times: Times = each
) -> AsyncIterator[tuple[str, Counter[str]]]:
    """The effect that is struck, and how often what is on record after that.

    `to_strike` are effects that have to be among them.
    """
    honest = World({})
    await live(database, home, honest, steps)
    assert set(to_strike) <= set(honest.effects), sorted(set(honest.effects))
    lied_about: set[str] = set()
    for effect, happens in Counter(honest.effects).items():
        for nth in range(1, times(effect, happens) + 1):
            emptied(database)
            world = World({(effect, nth): how})
            yield effect, await live(database, home, world, steps)
            lied_about.update(world.lied_about)
    assert set(to_strike) <= lied_about
