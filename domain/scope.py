"""The scopes of API keys. A scope limits a key to a part of what its owner may do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    FULL = "full"  # everything its owner may do
    READ = "read"  # read what its owner may see; change nothing
    AUDIT = "audit"  # read the whole trail, and nothing else
