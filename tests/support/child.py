"""`tenure` as a process of a test, with what the test does to it:

TEST_ENGINE    the socket of an engine that the test lends (tests/support/remote_engine.py)
TEST_ORDERS    a file that may say at which step of the Docker engine it is to die (tests/crash/orders.py)
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from infra.process import main
from infra.settings import Settings
from infra.wiring import engines
from tests.support.remote_engine import RemoteEngine


def run() -> None:
    if socket := os.environ.get("TEST_ENGINE"):

        async def choose_engine(settings: Settings, installation_id: UUID) -> RemoteEngine:
            return RemoteEngine(socket)

        engines.__dict__["choose_engine"] = choose_engine
    if orders := os.environ.get("TEST_ORDERS"):
        from tests.crash.orders import obey

        obey(Path(orders))
    main.main()


if __name__ == "__main__":
    run()
