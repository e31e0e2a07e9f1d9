"""The command line as tests use it: in this process, or as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import psutil
from typer.testing import CliRunner, Result

from infra.process.main import CliHost
from interfaces.cli import app

TENURE = str(Path(sys.executable).with_name("tenure"))
WAIT_TIMEOUT_S = 60.0  # seconds
runner = CliRunner()


def tenure(*args: str, **env: str | None) -> Result:
    """Run a command. `env` is set over the environment; None: not set."""
    return runner.invoke(app, list(args), env=env, obj=CliHost())


async def beside(*args: str, **env: str | None) -> Result:
    """The same while the loop, and what it serves, goes on."""
    return await asyncio.to_thread(tenure, *args, **env)


def alone(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, for what changes the process that it is in, as `up` does."""
    return subprocess.run(
        [TENURE, *args], env=clean() | env, capture_output=True, text=True, timeout=WAIT_TIMEOUT_S, check=False
    )


def clean() -> dict[str, str]:
    """Our environment, without settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith("TENURE_")}


@dataclass
class Process:
    """A `tenure …` of its own. What it prints is read as it comes."""

    process: subprocess.Popen[str]
    lines: Queue[str | None] = field(default_factory=Queue)
    output_lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def until(self, text: str) -> str:
        """Read on to the line that has this in it."""
        while (line := self.lines.get(timeout=WAIT_TIMEOUT_S)) is not None:
            self.output_lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"it ended without {text!r}; it said: {self.output}")

    @property
    def output(self) -> str:
        return "\n".join(self.output_lines)

    def end(self, how: int = signal.SIGINT) -> int:
        """Tell it to end, and return its exit code, with everything it said read."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        while (line := self.lines.get(timeout=WAIT_TIMEOUT_S)) is not None:
            self.output_lines.append(line)
        return self.process.wait(WAIT_TIMEOUT_S)


@contextmanager
def running(*args: str, **env: str) -> Iterator[Process]:
    """A process until the block is left; stdout and stderr in one stream."""
    process = Process(
        subprocess.Popen(
            [TENURE, *args],
            env=clean() | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Who runs tests in the background of a shell has SIGINT ignored, and would pass that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    )
    reading = Thread(target=process.read)
    reading.start()
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.terminate()
            try:
                process.process.wait(WAIT_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.process.kill()
        reading.join()


def processes_of(home: Path) -> list[Any]:
    """Processes that have to do with this home."""
    processes = []
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and any(str(home) in word for word in process.info["cmdline"] or ()):
            processes.append(process)
    return processes


def within(seconds: float, fact: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)
