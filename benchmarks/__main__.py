"""`make bench`: what Tenure does in a second, or how long it takes, beside what bounds it on this machine.

python -m benchmarks [--quick] [--json FILE] [NAME…]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.load import tool
from benchmarks.place import Place, place
from benchmarks.rows import Row

BENCHES = (
    *("creates", "recorder", "reads", "latency", "fanout", "timers", "rebuild", "loading"),
    *("echo", "viewers", "admission", "workshop", "seats", "consoles"),
)
PLAIN_WIDTH = 190  # of the table where nobody says how wide the paper is


def main() -> int:
    asked = arguments()
    began = time.perf_counter()
    logging.basicConfig(level=logging.ERROR)
    with place(asked.quick) as here:
        rows = asyncio.run(run(asked.names or BENCHES, here))
    seconds = time.perf_counter() - began
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print(table(rows))
    console.print(f"{about()}; {seconds:.0f} s in all.{' --quick: not to be quoted.' if asked.quick else ''}")
    if asked.json:
        asked.json.write_text(json.dumps([as_json(row) for row in rows], indent=2) + "\n")
    return 0 if all(row.ok is not False for row in rows) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHES)}; none: all of them")
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    return asked


async def run(names: Sequence[str], here: Place) -> list[Row]:
    """Those rows, one bench after the other. One that breaks is a row that is not ok."""
    rows: list[Row] = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            rows += await importlib.import_module(f"benchmarks.{name}").run(here)
        except Exception as error:
            traceback.print_exc()
            rows.append(Row(name, "broken", None, ok=False, note=f"{type(error).__name__}: {error}"))
    return rows


def table(rows: list[Row]) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("what", "measured", "bound", "ratio", "must hold", ""):
        right = column in ("measured", "ratio")
        shown.add_column(column, justify="right" if right else "left", no_wrap=right)
    before = ""
    for row in rows:
        if row.bench != before:
            shown.add_row(f"[bold]make bench ARGS={row.bench}[/]")
            before = row.bench
        shown.add_row(
            f"  {row.what}",
            str(row.measured or "—"),
            f"{row.bound} {row.bound_is}" if row.bound else "",
            f"{row.ratio:.2f}" if row.ratio else "",
            row.must,
            {True: "[green]ok[/]", False: "[red]OVER[/]", None: ""}[row.ok],
        )
        if row.note:
            shown.add_row(f"    [dim]{row.note}[/]")
    return shown


def as_json(row: Row) -> dict[str, Any]:
    return {**asdict(row), "ratio": row.ratio, "command": f"make bench ARGS={row.bench}"}


def about() -> str:
    load = ", ".join(f"{n:.1f}" for n in os.getloadavg())
    cores = os.cpu_count()
    return f"Python {platform.python_version()}, {cores} cores, load {load} at the end; requests by {tool()}"


if __name__ == "__main__":
    sys.exit(main())
