"""The shape of the read models: which columns they have, and how rows are folded from events.

Processes of several versions may share a database while they are replaced one by one. Read models have one shape at a
time, and only processes of that shape fold. A process that starts folds everything anew in its own shape, unless that
of a newer version is there already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What rows depend on: the events, the processes that order work, and the modules that fold.
FOLDS = ("domain/**/*.py", "application/processes/*.py", "projections/*.py")
READS_ONLY = ("hub", "query", "shape", "stream_reader", "subject_changes")  # modules of projections that fold nothing


@dataclass(frozen=True)
class Shape:
    """How read models are folded. Two versions of Tenure that fold alike have the same digest."""

    version: str  # of Tenure; "" for 0.1, which stored none
    digest: str

    def is_older_than(self, version: str) -> bool:
        """Whether read models of that version are newer, so that this process must not fold them back."""
        return version_key(self.version) < version_key(version)

    @property
    def lock_key(self) -> int:
        """The digest as PostgreSQL takes it for the second key of an advisory lock."""
        return int.from_bytes(bytes.fromhex(self.digest[:8]), signed=True)


@cache
def own_shape() -> Shape:
    """The shape of this process: its version, and a digest of the source that folds. A comment counts, too."""
    digest = sha256()
    for path in sources():
        digest.update(f"\n{path.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return Shape(version("tenure"), digest.hexdigest())


def sources() -> list[Path]:
    """The files that rows depend on."""
    paths = {path for pattern in FOLDS for path in ROOT.glob(pattern)}
    return sorted(paths - {ROOT / "projections" / f"{name}.py" for name in READS_ONLY})


def version_key(version: str) -> tuple[int, ...]:
    """The numbers of a version, to compare by: (0, 2, 0) for 0.2.0."""
    return tuple(int(number) for number in re.findall(r"\d+", version))
