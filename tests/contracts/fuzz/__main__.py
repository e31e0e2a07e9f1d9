"""`make fuzz` sends requests made from the published schema, with valid credentials and ids of things that exist.

It prints each operation with its statuses, and exits with 1 if an answer is a 5xx (but a documented 503 with
Retry-After), if an answer is not as the schema says, or if too few operations succeeded.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from infra.postgres import embedded as embedded_postgres
from tests import conftest  # noqa: F401  # cheap password hashes, and one TLS context for all clients
from tests.contracts.fuzz.rounds import fuzz
from tests.contracts.fuzz.tally import Tally
from tests.support.databases import Databases


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long to send requests")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same requests")
    parser.add_argument("--examples", type=int, default=30, help="requests of each operation and round")
    options = parser.parse_args(words)
    console, tally = Console(), Tally()
    stop_at = time.monotonic() + options.minutes * 60
    with TemporaryDirectory(prefix="tenure-fuzz-") as home:
        databases = Databases(embedded_postgres.start(Path(home)))
        try:
            while time.monotonic() < stop_at:
                with databases.lend() as url, TemporaryDirectory(prefix="tenure-fuzz-") as machines:
                    number = options.seed + tally.rounds
                    asyncio.run(fuzz(url, Path(machines), tally, options.examples, number, stop_at))
                console.print(f"round {tally.rounds}: {tally.calls} requests, {len(tally.failures)} kinds of failure")
        finally:
            embedded_postgres.stop(Path(home))
    tally.print(console)
    return 0 if tally.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
