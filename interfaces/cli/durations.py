"""Durations on the command line: 90, 15m, 1h30m."""

from __future__ import annotations

import re

import typer

DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}  # in seconds, the largest first


def parse_seconds(text: str) -> int:
    """The seconds of 90, 90s, 15m, 2h, 1h30m, 3d. Raises `typer.BadParameter`."""
    match = DURATION.fullmatch(text.strip().lower())
    if not text.strip() or match is None:
        raise typer.BadParameter(
            f'"{text}" is no duration; write seconds, or numbers with d, h, m and s: 90, 15m, 1h30m, 3d'
        )
    return sum(int(number or 0) * unit for number, unit in zip(match.groups(), UNITS.values(), strict=True))


def render_duration(seconds: float) -> str:
    """The two largest units: "1h30m", "2d4h", "59s"."""
    rest, parts = max(0, round(seconds)), []
    for letter, unit in UNITS.items():
        number, rest = divmod(rest, unit)
        parts.append(f"{number}{letter}" if number else "")
    first = next((index for index, part in enumerate(parts) if part), len(parts))
    return "".join(parts[first : first + 2]) or "0s"
