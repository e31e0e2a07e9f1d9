"""A row of the table: a figure beside its bound, both measured in the same run on the same machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value."""

    value: float
    unit: str  # "/s", "ms", "MB", "s", "% of a core"

    def __str__(self) -> str:
        digits = 0 if self.value >= 1000 else 1 if self.value >= 10 else 2
        return f"{self.value:,.{digits}f} {self.unit}"


@dataclass(frozen=True)
class Row:
    """One figure of a bench."""

    bench: str  # the NAME of `make bench ARGS=NAME`
    title: str
    measured: Figure | None  # None: not measured; `note` says why
    bound: Figure | None = None
    bound_is: str = ""
    must: str = ""  # what must hold; empty: nothing
    ok: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Measured over bound; None without both."""
        return self.measured.value / self.bound.value if self.measured and self.bound and self.bound.value else None


def quantile(values: Sequence[float], q: float) -> float:
    """Return the smallest value that at least a share of `q` of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-q * len(ordered) // 1) - 1))]
