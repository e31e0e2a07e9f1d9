"""A virtual machine is started, patched, killed, stopped, deleted, and any step of that may be the last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.lies import EVERYWHERE, Lie, World
from tests.crash.lives import Step, live
from tests.crash.strikes import struck
from tests.crash.test_lying_engine import SETTLE


def steps(*acts: str) -> list[Step]:
    """Alice waits after each until all is done."""
    return [step for one in acts for step in ((f"vm {one}", "a"), SETTLE)]


DONE = {f"vm {call}" for call in ("ensure_running", "ensure_stopped", "ensure_gone", "change")}
STORED = ["StartRequested", "Started", "Patched", "Applied", "RestartRequested", "StopRequested", "Stopped", "Cleared"]
STORIES: dict[str, tuple[list[Step], set[str]]] = {  # and the effects that are to be struck in it, among others
    "a whole life": (
        steps("create", "start", "patch", "restart", "stop", "delete", "create"),
        DONE | {f"store VmConfig.{event}" for event in STORED} | {"store VmId.Freed", "store VmId.TakenAgain"},
    ),
    "die and come back": (
        steps("create with autostart", "is killed"),
        {"store VmConfig.StartRequested", "store VmConfig.Died", "vm ensure_running"},
    ),
    "stop while it starts": ([("vm create", "a"), ("vm start", "a"), ("vm stop", "a")], {"store VmConfig.Stopped"}),
    "patch while it starts": ([("vm create", "a"), ("vm start", "a"), ("vm patch", "a")], {"store VmConfig.Patched"}),
    "patch, stop and start at once": (
        [*steps("create", "start"), ("vm patch", "a"), ("vm stop", "a"), ("vm start", "a")],
        {"store VmConfig.RestartRequested"},
    ),
    "delete while it starts": (
        [("vm create", "a"), ("vm start", "a"), ("vm delete", "a")],
        {"vm ensure_gone", "store VmConfig.Cleared", "store VmId.Freed"},
    ),
}


@pytest.mark.parametrize("how", EVERYWHERE, ids=lambda how: how.name.lower())
@pytest.mark.parametrize("story", STORIES)
async def test_each_step_is_the_last(story: str, how: Lie, database: str, tmp_path: Path) -> None:
    todo, to_strike = STORIES[story]
    async for _ in struck(database, tmp_path, todo, how, to_strike, times=of_ours):
        continue


def of_ours(effect: str, times: int) -> int:
    """Of what is done all, of what is stored about machines the first."""
    return times if effect in DONE else int(effect.startswith("store Vm"))


async def test_a_machine_that_comes_when_it_has_been_deleted_is_removed(database: str, tmp_path: Path) -> None:
    world = World({("vm ensure_running", 1): Lie.AT_LAST})
    await live(database, tmp_path, world, steps("create", "start", "delete"))
    assert world.hypervisor.started == 2
