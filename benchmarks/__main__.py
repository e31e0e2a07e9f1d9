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

from benchmarks.environment import Environment, open_environment
from benchmarks.load import tool
from benchmarks.rows import Row

BENCHES = (
    *("creates", "recorder", "reads", "latency", "fanout", "timers", "rebuild", "loading"),
    *("echo", "viewers", "admission", "workshop", "seats", "consoles", "logins"),
)
PLAIN_TABLE_WIDTH = 190  # where the output is no terminal


def main() -> int:
    """Run the benches, print the table and return the exit status: 1 if a row does not hold."""
    options = parse_arguments()
    began = time.perf_counter()
    logging.basicConfig(level=logging.ERROR)
    with open_environment(options.quick) as env:
        rows = asyncio.run(run(options.names or BENCHES, env))
    seconds = time.perf_counter() - began
    console = Console(width=None if sys.stdout.isatty() else PLAIN_TABLE_WIDTH)
    console.print(as_table(rows))
    console.print(f"{about_machine()}; {seconds:.0f} s in all.{' --quick: not to be quoted.' if options.quick else ''}")
    if options.json:
        options.json.write_text(json.dumps([as_json(row) for row in rows], indent=2) + "\n")
    return 0 if all(row.ok is not False for row in rows) else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHES)}; none: all of them")
    parser.add_argument("--quick", action="store_true", help="measure less, to check that everything works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    return options


async def run(names: Sequence[str], env: Environment) -> list[Row]:
    """Run these benches one after the other and return their rows. A bench that raises becomes a row that is not ok."""
    rows: list[Row] = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            rows += await importlib.import_module(f"benchmarks.{name}").run(env)
        except Exception as error:
            traceback.print_exc()
            rows.append(Row(name, "broken", None, ok=False, note=f"{type(error).__name__}: {error}"))
    return rows


def as_table(rows: list[Row]) -> Table:
    """The rows as a table for the console."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("what", "measured", "bound", "ratio", "must hold", ""):
        is_figure = column in ("measured", "ratio")
        table.add_column(column, justify="right" if is_figure else "left", no_wrap=is_figure)
    previous = ""
    for row in rows:
        if row.bench != previous:
            table.add_row(f"[bold]make bench ARGS={row.bench}[/]")
            previous = row.bench
        table.add_row(
            f"  {row.title}",
            str(row.measured or "—"),
            f"{row.bound} {row.bound_is}" if row.bound else "",
            f"{row.ratio:.2f}" if row.ratio else "",
            row.must,
            {True: "[green]ok[/]", False: "[red]OVER[/]", None: ""}[row.ok],
        )
        if row.note:
            table.add_row(f"    [dim]{row.note}[/]")
    return table


def as_json(row: Row) -> dict[str, Any]:
    """The row as an object of the file that `--json` writes."""
    fields = asdict(row)
    return {"what": fields.pop("title"), **fields, "ratio": row.ratio, "command": f"make bench ARGS={row.bench}"}


def about_machine() -> str:
    """The machine and the tool, which every figure depends on."""
    load = ", ".join(f"{n:.1f}" for n in os.getloadavg())
    cores = os.cpu_count()
    return f"Python {platform.python_version()}, {cores} cores, load {load} at the end; requests by {tool()}"


if __name__ == "__main__":
    sys.exit(main())
