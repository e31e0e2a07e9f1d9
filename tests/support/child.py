"""`tenure` as a process of a test, with what the test does to it:

TEST_ENGINE    the socket of an engine that the test lends (tests/support/remote_engine.py)
TEST_ORDERS    a file that may say at which step of the Docker engine it is to die (tests/crash/orders.py)
TEST_OLDER     it is of an older version, which folds workspaces differently (test_rolling_upgrade.py)
"""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from infra.process import main
from infra.settings import Settings
from infra.wiring import engines
from projections import shape, workspaces
from projections.shape import Shape
from tests.support.remote_engine import RemoteEngine

OLDER = " as an older version folds it"


def run() -> None:
    if socket := os.environ.get("TEST_ENGINE"):

        async def choose_engine(
            settings: Settings, installation_id: UUID, epoch_id: UUID, in_use: Set[str]
        ) -> RemoteEngine:
            return RemoteEngine(socket)

        engines.__dict__["choose_engine"] = choose_engine
    if orders := os.environ.get("TEST_ORDERS"):
        from tests.crash.orders import obey

        obey(Path(orders))
    if os.environ.get("TEST_OLDER"):
        become_older()
    main.main()


def become_older() -> None:
    """Be an older version: its shape is another one, and the rows that it folds show that it folded them."""
    older = Shape("0.0.1", "e" * 64)
    shape.__dict__["own_shape"] = lambda: older
    fold = workspaces.TABLE.evolve

    def evolve(row: Any, event: Any) -> Any:
        after = fold(row, event)
        return after and replace(after, name=f"{after.name.removeprefix(OLDER)}{OLDER}")

    workspaces.TABLE.evolve = evolve


if __name__ == "__main__":
    run()
