"""Tenure at work in a world that lies, and somebody who uses it: dying, starting again, until all is done."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from application.access import Actor
from application.ports.errors import Unavailable
from application.processes import vm_life, workshop_life
from application.workshops import Workshops
from domain.errors import NotFound, Refused
from domain.machine import Operation
from domain.user_type import UserType
from domain.vm import vm_config
from infra.eventlog import worker
from infra.runtime.clock import utc_now
from infra.runtime.tasks import end_tasks
from infra.settings import Settings
from infra.wiring.bootstrap import Overrides, Tenure, running
from projections import workspaces
from tests.crash.agreement import disagreements, fetch, unsettled
from tests.crash.lies import World, lying
from tests.crash.vms import do_with_machine, machines_apart
from tests.support.server import eventually

ALICE = Actor(UUID(int=1), "alice", "of a test", user_type=UserType.ADMINISTRATOR)
TERM_S = 1800
LIVES = 20  # more than any plan can end
Step = tuple[str, str]  # what Alice does, and to which of her workspaces


class Clock:
    """The real one, and sometimes an hour passes in a moment."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._ahead

    def an_hour_passes(self) -> None:
        self._ahead += timedelta(hours=1)


class Alice:
    """She asks again until she is answered, takes no for an answer, and remembers what she was told."""

    def __init__(self, world: World, clock: Clock, steps: Sequence[Step]) -> None:
        self._world, self._clock = world, clock
        self._todo = deque(steps)
        self.workspace_ids: dict[str, UUID] = {}  # acknowledged, by the name that she gave
        self.given_back: set[UUID] = set()  # acknowledged
        self.teaches: dict[str, str] = {}  # numbers of workshops, by the names that she gave
        self.sweeping: set[asyncio.Task[list[UUID]]] = set()

    async def use(self, tenure: Tenure) -> None:
        while self._todo:
            act, name = self._todo[0]
            try:
                await self._do(tenure, act, name)
            except Unavailable:
                continue
            except Refused:
                pass
            self._todo.popleft()

    async def _do(self, tenure: Tenure, act: str, name: str) -> None:
        commands = tenure.deps.vm_api.workspaces
        if act == "settle":
            await eventually(lambda: settled(tenure, self._clock()))
        elif act == "an hour passes":
            self._clock.an_hour_passes()
            async with tenure.pool.connection() as conn:
                await conn.execute("notify tenure_work")
        elif act == "sweep":
            self.sweeping.add(asyncio.create_task(tenure.sweep.run_once()))
        elif act in ("refuse", "oblige"):
            self._world.engine.refuses = "no such image" if act == "refuse" else None
        elif act in ("create", "lend"):
            ttl = TERM_S if act == "lend" else None
            workspace = await commands.request(ALICE, name=name, template=None, ttl_seconds=ttl, key=name)
            self.workspace_ids[name] = workspace.id
        elif act in ("teach", "dismiss", "cancel"):
            await self._teach(tenure.deps.clarateach.workshops, act, name)
        elif act.startswith("vm "):
            await do_with_machine(ALICE, tenure.deps.neptuned.vm_configs, self._world.hypervisor, act, name)
        elif name in self.workspace_ids:
            await self._do_to(tenure, act, self.workspace_ids[name])

    async def _teach(self, workshops: Workshops, act: str, name: str) -> None:
        if act == "teach" and name not in self.teaches:
            workshop = await workshops.create(ALICE, name=name, seats=2, api_key="sk-ant-0123456789")
            self.teaches[name] = workshop.number
        do = {"teach": workshops.start, "dismiss": workshops.stop, "cancel": workshops.delete}[act]
        await do(ALICE, self.teaches[name])

    async def _do_to(self, tenure: Tenure, act: str, id: UUID) -> None:
        commands = tenure.deps.vm_api.workspaces
        if act == "delete":
            with suppress(NotFound):  # the first time that she asked, which was not answered, or its term was over
                await commands.delete(ALICE, id)
            self.given_back.add(id)
        elif act == "extend":
            await commands.extend(ALICE, id, TERM_S)
        elif act == "restore":
            row = await workspaces.get(tenure.deps.http.queries, id)
            ready = [shot["id"] for shot in row.snapshots if shot["status"] == "ready"] if row else []
            if ready:
                await commands.operate(ALICE, id, Operation.RESTORE, snapshot_id=UUID(ready[-1]))
        else:
            await commands.operate(ALICE, id, Operation(act))


@asynccontextmanager
async def at_work(url: str, home: Path, world: World, clock: Clock) -> AsyncIterator[Tenure]:
    """One life of the process. It ends without a word, whatever is under way."""
    world.dead.clear()
    quick = timedelta(milliseconds=20)
    with (
        patch.object(workshop_life, "RETRY_AFTER", timedelta()),
        patch.object(vm_life, "PATCH_GRACE", timedelta()),
        patch.object(vm_config, "backoff_after", lambda failures: timedelta()),
        patch.multiple(worker, FIRST_RETRY=quick, LAST_RETRY=quick),
    ):
        overrides = Overrides(machines=world.engine, hypervisor=world.hypervisor, clock=clock, reconciles=False)
        async with running(Settings(home=home), url, overrides) as tenure:
            with lying(world, tenure.deps.http.platform):
                yield tenure


async def live(url: str, home: Path, world: World, steps: Sequence[Step]) -> Counter[str]:
    """Alice does all of it, through as many lives as that takes; then nothing lies any more, and all must agree.

    Returns how often what is on record.
    """
    clock = Clock()
    alice = Alice(world, clock, [*steps, ("settle", "")])
    for _ in range(LIVES):
        async with at_work(url, home, world, clock) as tenure:
            # The sweep of every start runs beside Alice. It is over before the last ones, which would do nothing else.
            alice.sweeping.add(asyncio.create_task(tenure.sweep.run_once()))
            using, dying = asyncio.create_task(alice.use(tenure)), asyncio.create_task(world.dead.wait())
            try:
                await asyncio.wait({using, dying}, return_when=asyncio.FIRST_COMPLETED)
                if not world.dead.is_set():
                    using.result()
                    return await all_agree(tenure, world, alice, clock)
            finally:
                await end_tasks([using, dying, *alice.sweeping])
    raise AssertionError("it dies and dies")


async def all_agree(tenure: Tenure, world: World, alice: Alice, clock: Clock) -> Counter[str]:
    """Once everything has been done, and a sweep has looked."""
    await eventually(lambda: settled(tenure, clock()))
    world.truthful()
    await asyncio.gather(*world.later)
    await asyncio.gather(*alice.sweeping, return_exceptions=True)
    await eventually(lambda: settled(tenure, clock()))
    for _ in range(2):  # the network of a machine that one sweep has found is removed by the next one
        await tenure.sweep.run_once()
        await eventually(lambda: settled(tenure, clock()))
    async with tenure.pool.connection() as conn:
        wrong = await disagreements(
            conn,
            world.engine,
            alice.workspace_ids,
            alice.given_back,
            tenure.deps.http.platform,
            surprises=bool(world.later),
        )
        wrong += await machines_apart(conn, world.hypervisor)
        recorded = await fetch(conn, "select kind from trail")
    assert not wrong, "\n".join([*wrong, "effects:", *world.effects])
    return Counter(entry["kind"] for entry in recorded)


async def settled(tenure: Tenure, now: datetime) -> bool:
    async with tenure.pool.connection() as conn:
        return not await unsettled(conn, now)
