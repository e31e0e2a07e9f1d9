"""What came of a run: per operation the statuses and the failures, and whether the run is good."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MIN_SUCCESS_RATIO = 0.95  # of all operations, each at least once
MIN_WIDTH_CHARS = 140  # narrower output, such as rich's 80 columns in a pipe, folds every line
MAX_FAILURES = 40  # distinct failures, each with one request that causes it


@dataclass
class Operation:
    """The answers to the requests of one operation."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0  # that its requests took, with what had to be made for them
    unsent: int = 0  # requests that HTTP cannot express

    @property
    def has_succeeded(self) -> bool:
        return any(status < 400 for status in self.statuses)


@dataclass
class Tally:
    """The answers to all requests of a run."""

    operations: dict[str, Operation] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)  # one request, by what is wrong with its answer
    rounds: int = 0

    def failed(self, summary: str, request: str) -> None:
        """Keep the shortest request that shows this failure."""
        shortest = self.failures.get(summary)
        if shortest is None or len(request) < len(shortest):
            self.failures[summary] = request

    @property
    def calls(self) -> int:
        return sum(operation.statuses.total() for operation in self.operations.values())

    @property
    def never_succeeded(self) -> list[str]:
        return [name for name, operation in self.operations.items() if not operation.has_succeeded]

    @property
    def is_good(self) -> bool:
        wanting = len(self.never_succeeded)
        enough = bool(self.operations) and wanting <= len(self.operations) * (1 - MIN_SUCCESS_RATIO)
        return enough and not self.failures

    def print(self, console: Console) -> None:
        console.width = max(console.width, MIN_WIDTH_CHARS)
        page = Table("operation", "calls", "unsent", "seconds", "statuses", "succeeded")
        for name, operation in sorted(self.operations.items()):
            statuses = ", ".join(f"{status}: {count}" for status, count in sorted(operation.statuses.items()))
            good = "yes" if operation.has_succeeded else "[red]never[/red]"
            page.add_row(
                escape(name),
                str(operation.statuses.total()),
                str(operation.unsent),
                f"{operation.seconds:.1f}",
                statuses,
                good,
            )
        console.print(page)
        for summary, request in list(self.failures.items())[:MAX_FAILURES]:
            console.print(f"[red]failure[/red] {escape(summary)}\n    {escape(request)}", soft_wrap=True)
        succeeded = len(self.operations) - len(self.never_succeeded)
        console.print(
            f"{self.calls} requests in {self.rounds} rounds; {succeeded} of {len(self.operations)} operations succeeded"
            f" at least once; {len(self.failures)} kinds of failure",
            style="bold green" if self.is_good else "bold red",
        )
