"""Runs the command line for tests: in this process, or as a process of its own."""

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
    """Run a command in a thread, while the event loop goes on serving."""
    return await asyncio.to_thread(tenure, *args, **env)


def alone(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own: some, such as `up`, change the process that they run in."""
    return subprocess.run(
        [TENURE, *args], env=clean() | env, capture_output=True, text=True, timeout=WAIT_TIMEOUT_S, check=False
    )


def clean() -> dict[str, str]:
    """This process's environment without settings of Tenure."""
    return {k: v for k, v in os.environ.items() if not k.startswith("TENURE_")}


@dataclass
class Process:
    """A running `tenure …` process. Its output is read as it comes."""

    process: subprocess.Popen[str]
    lines: Queue[str | None] = field(default_factory=Queue)
    output_lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def until(self, text: str) -> str:
        """Read on to a line with this text, and return the line."""
        while (line := self.lines.get(timeout=WAIT_TIMEOUT_S)) is not None:
            self.output_lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"it ended without {text!r}; it said: {self.output}")

    @property
    def output(self) -> str:
        return "\n".join(self.output_lines)

    def end(self, how: int = signal.SIGINT) -> int:
        """Send a signal, read all remaining output, and return the exit code."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        while (line := self.lines.get(timeout=WAIT_TIMEOUT_S)) is not None:
            self.output_lines.append(line)
        return self.process.wait(WAIT_TIMEOUT_S)


@contextmanager
def running(*args: str, **env: str) -> Iterator[Process]:
    """Run a process until the block is left; stdout and stderr come in one stream."""
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
    """The other processes that have this home in their command line."""
    processes = []
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and any(str(home) in word for word in process.info["cmdline"] or ()):
            processes.append(process)
    return processes


def within(seconds: float, fact: Callable[[], bool]) -> None:
    """Wait until the fact holds. Fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)
