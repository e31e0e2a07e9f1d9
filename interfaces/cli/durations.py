"""Durations, as people write and read them."""

from __future__ import annotations

import re

import typer

WRITTEN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)
UNITS = (86_400, 3_600, 60, 1)


def seconds(text: str) -> int:
    """From 90, 90s, 15m, 2h, 1h30m, 3d."""
    found = WRITTEN.fullmatch(text.strip().lower())
    if not text.strip() or found is None:
        raise typer.BadParameter(
            f'"{text}" is no duration; write seconds, or numbers with d, h, m and s: 90, 15m, 1h30m, 3d'
        )
    return sum(int(number or 0) * unit for number, unit in zip(found.groups(), UNITS, strict=True))


def shown(seconds: float) -> str:
    """The two largest units: "1h30m", "2d4h", "59s"."""
    left, parts = max(0, round(seconds)), []
    for unit, letter in zip(UNITS, "dhms", strict=True):
        number, left = divmod(left, unit)
        parts.append(f"{number}{letter}" if number else "")
    first = next((nth for nth, part in enumerate(parts) if part), len(parts))
    return "".join(parts[first : first + 2]) or "0s"
