"""One round: a new world, and requests of every operation in it."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

from application.ports.regions import Region
from tests.contracts.everybody import everybody
from tests.contracts.fuzz.run import Fuzz
from tests.contracts.fuzz.tally import Tally
from tests.contracts.fuzz.world import REGION, FailingEngine, KnownThings


async def fuzz(database: str, home: Path, tally: Tally, examples: int, seed: int, stop_at: float = math.inf) -> None:
    """Serve a new Tenure on this database, and count what it answers in `tally`."""
    engines: dict[str, FailingEngine] = {REGION: FailingEngine()}

    def open_region(region: Region) -> FailingEngine:
        return engines.setdefault(region.name, FailingEngine())

    regions = {REGION: {"url": f"unix:///{REGION}"}}
    # Generated passwords are ordinary words, such as the names of fields, which are in the database for other reasons.
    options: dict[str, Any] = {"open_region": open_region, "regions": regions, "checks_secrets": False}
    async with everybody(database, home, **options) as place:
        things = KnownThings(place, engine=engines[REGION])
        await things.restore()
        run = Fuzz(things, asyncio.get_running_loop(), tally, examples, stop_at)
        try:
            await asyncio.to_thread(run.run, seed)
        finally:
            await end_programs(home)
    tally.rounds += 1


async def end_programs(home: Path) -> None:
    """End the programs of all machines of the world: they outlive Tenure, as each round has a home of its own."""
    command = ("tmux", "-S", str(home / "machines" / "tmux.sock"), "kill-server")
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    await process.wait()
