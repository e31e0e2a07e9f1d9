"""Given the scenario, when it happens on the present code, then the dump of it has everything, and can be loaded."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.upgrade import making, scenario
from tests.upgrade.make_dump import EMPTY, dumped
from tests.upgrade.product import Clock, at_a_time
from tests.upgrade.reading import rows, tables


async def test_a_dump_of_this_version_can_be_made(postgres: str, tmp_path: Path) -> None:
    clock = Clock(scenario.BEGIN)
    made, loaded = (making.new_database(postgres, name) for name in ("made", "loaded"))
    with at_a_time(clock):
        _, dump = await making.happened(made, tmp_path, clock, dumped, EMPTY)
    with psycopg.connect(loaded) as conn:
        conn.execute(dump)  # type: ignore[call-overload]
    assert tables(loaded) == tables(made)
    for table in set(tables(made)) - {"presence"}:  # who looked on has gone
        assert rows(loaded, table) == rows(made, table), table
