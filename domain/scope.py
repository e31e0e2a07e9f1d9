"""What a key may be used for, of what its owner may do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    FULL = "full"  # everything that its owner may do
    READ = "read"  # see what its owner has and shares, and change nothing
    AUDIT = "audit"  # read the whole trail, and nothing else
