"""Time and new ids."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """The time, aware and in UTC."""

    def __call__(self) -> datetime: ...


class Ids(Protocol):
    """A new id that nobody can guess."""

    def __call__(self) -> UUID: ...
