"""Every step of every life may be the last: afterwards nothing is lost, nothing is left, nothing is there twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.lies import EVERYWHERE, Lie, Moment, World
from tests.crash.lives import Step, live
from tests.crash.strikes import struck
from tests.support.databases import emptied

PROVISIONING = {"store RequestKey.Used", "ensure_running", "store Workspace.Provisioned"}
DESTROYING = {"store Workspace.Deleted", "ensure_gone", "store Workspace.Destroyed"}
SETTLE, AN_HOUR = ("settle", ""), ("an hour passes", "")
STORIES: dict[str, tuple[list[Step], set[str]]] = {  # and the effects that are to be struck in it, among others
    "provision and destroy": ([("create", "a"), SETTLE, ("delete", "a")], PROVISIONING | DESTROYING),
    "destroy while it is made": ([("create", "a"), ("delete", "a")], DESTROYING),
    "expire": ([("lend", "a"), SETTLE, AN_HOUR], {"store Workspace.Expired", "ensure_gone"}),
    "stop and start": (
        [("create", "a"), SETTLE, ("stop", "a"), SETTLE, ("start", "a"), SETTLE, ("restart", "a")],
        {"ensure_stopped", "store Workspace.Stopped", "ensure_running", "restart", "store Workspace.Started"},
    ),
    "keep and restore": (
        [("create", "a"), SETTLE, ("snapshot", "a"), SETTLE, ("restore", "a")],
        {"snapshot", "store Workspace.SnapshotTaken", "restore", "store Workspace.Started"},
    ),
}


@pytest.mark.parametrize("how", EVERYWHERE, ids=lambda how: how.name.lower())
@pytest.mark.parametrize("story", STORIES)
async def test_each_step_is_the_last(story: str, how: Lie, database: str, tmp_path: Path) -> None:
    steps, to_strike = STORIES[story]
    async for effect, recorded in struck(database, tmp_path, steps, how, to_strike):
        if story != "destroy while it is made":  # where a machine may come when nobody is left to take it
            assert not recorded["orphan.found"], f"what was left of {effect} was found by the sweep only"


async def test_a_machine_that_comes_when_its_workspace_has_gone_is_found_and_removed(
    database: str, tmp_path: Path
) -> None:
    world = World({("ensure_running", 1): Lie.AT_LAST})
    recorded = await live(database, tmp_path, world, [("create", "a"), SETTLE, ("delete", "a")])
    assert world.engine.created_count == 2
    assert recorded["orphan.found"] == recorded["orphan.destroyed"] == 1


async def test_what_was_made_for_a_workspace_that_was_given_up_is_cleared(database: str, tmp_path: Path) -> None:
    """Each attempt made a machine, and no answer ever came."""
    world = World({("ensure_running", nth): Lie.LOST for nth in range(1, 1000)})
    recorded = await live(database, tmp_path, world, [("create", "a"), AN_HOUR])
    assert world.engine.created_count == 1
    assert recorded["workspace.provisioning_failed"] == recorded["workspace.cleared"] == 1
    assert not recorded["orphan.found"]


NAMES = st.sampled_from(["a", "b"])
MEANWHILE = ["stop", "start", "restart", "snapshot", "restore", "extend", "delete"]
STEPS = st.one_of(
    st.tuples(st.sampled_from(["create", "lend"]), NAMES),
    st.tuples(st.sampled_from(MEANWHILE), NAMES),
    st.sampled_from([SETTLE, SETTLE, AN_HOUR, ("sweep", ""), ("refuse", ""), ("oblige", "")]),
)
PLANS = st.dictionaries(st.integers(1, 40), st.sampled_from(Lie), max_size=8)


EXAMPLES = int(os.environ.get("EXAMPLES", "60"))  # more: others than the last time


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 60, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=1, max_size=10), plan=PLANS)
def test_whatever_is_done_and_however_the_world_lies(
    database: str, tmp_path: Path, steps: Sequence[Step], plan: dict[Moment, Lie]
) -> None:
    emptied(database)
    asyncio.run(live(database, tmp_path, World(plan), [("create", "a"), *steps]))
