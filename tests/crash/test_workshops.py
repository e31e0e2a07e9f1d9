"""A workshop is started, or stopped, and any step of that may be the last: afterwards all agree, networks included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.lies import EVERYWHERE, Lie, World
from tests.crash.lives import Step, live
from tests.crash.strikes import struck
from tests.crash.test_lying_engine import SETTLE

STARTING = {"ensure_running", "store Workspace.Requested", "store Workshop.SeatReady", "store Workshop.Started"}
STOPPING = {"ensure_gone", "ensure_no_network", "store Workshop.Emptied", "store Workshop.Stopped"}
STORIES: dict[str, tuple[list[Step], set[str]]] = {  # and the effects that are to be struck in it, among others
    "start and stop": ([("teach", "a"), SETTLE, ("dismiss", "a")], STARTING | STOPPING),
    "delete while it starts": ([("teach", "a"), ("cancel", "a")], {"store Code.Freed", "store Workshop.Stopped"}),
    "a start that fails": (
        [("refuse", ""), ("teach", "a"), SETTLE, ("oblige", ""), ("teach", "a")],
        {"store Workshop.StartFailed", "store Workshop.Started"},
    ),
}


@pytest.mark.parametrize("how", EVERYWHERE, ids=lambda how: how.name.lower())
@pytest.mark.parametrize("story", STORIES)
async def test_each_step_is_the_last(story: str, how: Lie, database: str, tmp_path: Path) -> None:
    steps, to_strike = STORIES[story]
    async for _ in struck(database, tmp_path, steps, how, to_strike, times=lambda effect, times: 1):
        continue


async def test_a_network_that_comes_when_its_workshop_has_gone_is_found_and_removed(
    database: str, tmp_path: Path
) -> None:
    world = World({("ensure_running", 1): Lie.AT_LAST})
    recorded = await live(database, tmp_path, world, [("teach", "a"), SETTLE, ("dismiss", "a")])
    assert recorded["orphan.found"] == 1 and world.engine.on_networks == {}
