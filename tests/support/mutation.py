"""`make mutants` changes a line at a time, and says which changes no test notices.

It first runs the tests once and notes which lines each of them runs (pytest-cov, in build/mutants). A changed line is
then tried on the quickest tests that run it, in a copy of the project, until one fails. Exits with 1 if fewer than
95 % of the changes are noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree

from tests.support.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "mutants"
SOURCES = ("domain", "application", "projections")
SOURCE_FILES = ("infra/eventlog/event_store.py", "infra/eventlog/follower.py", "infra/eventlog/worker.py")
# What runs in this process, and so is seen by coverage. Long tests of whole servers come last, or not at all.
TESTS = (
    *("tests/domain", "tests/application", "tests/projections", "tests/contracts"),
    *("tests/infra/eventlog", "tests/infra/wiring", "tests/infra/reconcile"),
    *("tests/crash/test_lying_engine.py", "tests/crash/test_workshops.py", "tests/crash/test_vms.py"),
)
LEFT_OUT = ("tests/contracts/test_schema.py", "on_docker", "on_libvirt", "over_ssh", "seat_browser", "flood")
MIN_NOTICED_RATIO = 0.95
MAX_TESTS = 60  # of one change, the quickest first
TIMEOUT_S = 240  # of them; a change that makes a test hang is noticed


@dataclass(frozen=True)
class Coverage:
    """The tests that run each line of a file, and the seconds that each test takes."""

    tests: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def tests_of(self, path: Path, line: int) -> list[str]:
        """The tests that run a line, the quickest first."""
        running = self.tests.get(str(path), {}).get(line, [])
        return sorted(running, key=lambda test: self.seconds.get(test, 1.0))[:MAX_TESTS]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="files to change; none: those that hold the rules")
    parser.add_argument("--count", type=int, default=200, help="how many changes")
    parser.add_argument("--seed", type=int, default=1, help="another number chooses other changes")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="run all tests again to see what they cover")
    options = parser.parse_args(arguments)

    coverage = measured_coverage(options.again)
    mutants = [mutant for path in options.paths or sources() for mutant in mutants_of(path, (ROOT / path).read_text())]
    chosen = random.Random(options.seed).sample(mutants, min(options.count, len(mutants)))
    print(f"{len(chosen)} of {len(mutants)} changes, seed {options.seed}", flush=True)
    unnoticed = list(try_all(chosen, coverage, options.processes))
    share = 1 - len(unnoticed) / len(chosen)
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} noticed: {share:.1%}")
    for sentence in sorted(unnoticed):
        print(f"  {sentence}")
    return 0 if share >= MIN_NOTICED_RATIO else 1


def sources() -> Iterator[Path]:
    for folder in SOURCES:
        yield from (path.relative_to(ROOT) for path in sorted((ROOT / folder).rglob("*.py")))
    yield from map(Path, SOURCE_FILES)


def measured_coverage(again: bool) -> Coverage:
    """Run the tests, unless that was done before."""
    report = BUILD / "coverage.json"
    if again or not report.exists():
        print("running the tests, to see which lines each of them runs", flush=True)
        BUILD.mkdir(parents=True, exist_ok=True)
        measure = [*pytest_command("-n", "auto", "--dist", "loadfile"), *(f"--cov={name}" for name in SOURCES)]
        measure += ["--cov=infra.eventlog", "--cov-context=test", f"--cov-report=json:{report}"]
        measure += [f"--junit-xml={BUILD / 'junit.xml'}", "-o", "junit_family=xunit1", *existing_tests()]
        subprocess.run(measure, cwd=ROOT, check=False, env=environment(BUILD))
    contexts = json.loads(report.read_text())["files"]
    tests = {path: {int(line): names(ids) for line, ids in file["contexts"].items()} for path, file in contexts.items()}
    return Coverage(tests, durations())


def names(contexts: Iterable[str]) -> list[str]:
    """The tests of contexts such as `tests/a.py::test_b|run`. A context that is empty is an import."""
    return sorted({context.rpartition("|")[0] for context in contexts if context})


def durations() -> dict[str, float]:
    """The seconds of each test, from the report of the run."""
    cases = ElementTree.parse(BUILD / "junit.xml").iter("testcase")
    return {f"{case.get('file')}::{case.get('name')}": float(case.get("time", "1")) for case in cases}


def existing_tests() -> list[str]:
    """The files of TESTS that run within this process."""
    files = (
        file for path in TESTS for file in [ROOT / path, *sorted((ROOT / path).rglob("test_*.py"))] if file.is_file()
    )
    names = (str(file.relative_to(ROOT)) for file in files)
    return [name for name in names if not any(part in name for part in LEFT_OUT)]


def try_all(mutants: list[Mutant], coverage: Coverage, processes: int) -> Iterator[str]:
    """Try each change in one of several copies of the project. Yields a sentence for each that is not noticed."""
    copies: SimpleQueue[Path] = SimpleQueue()
    for nth in range(processes):
        copies.put(copy_project(BUILD / f"copy-{nth}"))

    def try_one(mutant: Mutant) -> str | None:
        copy = copies.get()
        try:
            return None if is_noticed(mutant, coverage, copy) else mutant.describe((ROOT / mutant.path).read_text())
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(processes) as threads:
        for nth, sentence in enumerate(threads.map(try_one, mutants), start=1):
            print(f"{nth:4} {'NOT NOTICED: ' + sentence if sentence else 'noticed'}", flush=True)
            if sentence:
                yield sentence


def copy_project(target: Path) -> Path:
    """Copy what git tracks, so that a change is never in the project's own files."""
    shutil.rmtree(target, ignore_errors=True)
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in tracked.decode().rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def is_noticed(mutant: Mutant, coverage: Coverage, copy: Path) -> bool:
    """Whether a test fails with the change, or does not end."""
    tests = coverage.tests_of(mutant.path, mutant.line)
    if not tests:
        return False
    source = (ROOT / mutant.path).read_text()
    (copy / mutant.path).write_text(mutant.apply(source))
    try:
        command = pytest_command("-x", "-p", "no:cacheprovider", *tests)
        began = time.monotonic()
        status = subprocess.run(
            command, cwd=copy, env=environment(copy), timeout=TIMEOUT_S, check=False, capture_output=True
        ).returncode
        assert status in (0, 1, 2), f"pytest ends with {status} after {time.monotonic() - began:.0f} s: {mutant}"
        return status != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        (copy / mutant.path).write_text(source)


def pytest_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "--no-header", *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Temporary folders of its own, since runs that share one disturb each other; and no stored bytecode."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "PYTEST_DEBUG_TEMPROOT": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
