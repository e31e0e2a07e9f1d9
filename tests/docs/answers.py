"""Comparing what a page shows with what was answered. `…` stands for what changes."""

from __future__ import annotations

import json
import re
from typing import Any

ANY = "…"
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_=>]|[()][A-Z0-9])")


def plain(output: str) -> str:
    """The output of a terminal without colours, titles and carriage returns."""
    return re.sub(r"\r*\n|\r", "\n", ESCAPES.sub("", output))


def text_pattern(expected: str) -> re.Pattern[str]:
    """What matches this text, whatever is where it has `…`. Spaces at the end of a line do not count."""
    lines = [line.rstrip() for line in expected.strip("\n").splitlines()]
    parts = [
        r"(?:[^\n]*\n)*?" if line.strip() == ANY else r"[^\n]*?".join(map(re.escape, line.split(ANY))) + r"[ \t]*\n"
        for line in lines
    ]
    return re.compile("".join(parts))


def text_matches(expected: str, output: str) -> bool:
    return text_pattern(expected).fullmatch(output.strip("\n") + "\n") is not None


def json_difference(expected: Any, answer: Any, place: str = "the answer") -> str | None:
    """The first difference as a sentence, or `None`."""
    if expected == ANY:
        return None
    if isinstance(expected, str) and isinstance(answer, str) and ANY in expected:
        pattern = ".*".join(map(re.escape, expected.split(ANY)))
        return None if re.fullmatch(pattern, answer, re.DOTALL) else f"{place} is {answer!r}, not {expected!r}"
    if isinstance(expected, dict) and isinstance(answer, dict):
        return object_difference(expected, answer, place)
    if isinstance(expected, list) and isinstance(answer, list):
        return array_difference(expected, answer, place)
    if type(expected) is not type(answer) or expected != answer:
        return f"{place} is {answer!r}, not {expected!r}"
    return None


def object_difference(expected: dict[str, Any], answer: dict[str, Any], place: str) -> str | None:
    members = {name: value for name, value in expected.items() if name != ANY}
    if missing := members.keys() - answer.keys():
        return f"{place} lacks {sorted(missing)}"
    if ANY not in expected and (more := answer.keys() - members.keys()):
        return f"{place} also has {sorted(more)}"
    differences = (json_difference(value, answer[name], f"{place}.{name}") for name, value in members.items())
    return next((difference for difference in differences if difference), None)


def array_difference(expected: list[Any], answer: list[Any], place: str) -> str | None:
    elements = expected[:-1] if expected[-1:] == [ANY] else expected
    if len(answer) < len(elements) or (elements is expected and len(answer) > len(elements)):
        return f"{place} has {len(answer)} elements, not {len(elements)}"
    differences = (json_difference(value, answer[nth], f"{place}[{nth}]") for nth, value in enumerate(elements))
    return next((difference for difference in differences if difference), None)


def answer_difference(language: str, expected: str, output: str) -> str | None:
    """What is not as the page shows it, or `None`."""
    if language == "text":
        return None if text_matches(expected, output) else f"the answer was\n{output}\nand the page shows\n{expected}"
    try:
        answer = json.loads(output)
    except ValueError:
        return f"the answer is no JSON:\n{output}"
    difference = json_difference(json.loads(expected), answer)
    return f"{difference}; the whole answer was\n{output}" if difference else None
