"""A contract: one outside API, its routes and the shape of its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

Render = Callable[[int, str, str], Any]  # (status, code, sentence) -> the contract's error body


@dataclass(frozen=True)
class Contract:
    """One outside API: its routes, and the shape of its errors under its prefixes."""

    name: str
    routers: tuple[APIRouter, ...]
    prefixes: tuple[str, ...]
    render: Render
    statuses: Mapping[int, int] = field(default_factory=dict)  # that it has other ones for
    files: str = r"(?!)"  # the paths at which a request's body may be a file: a pattern
    deviations: tuple[str, ...] = ()  # from its document, as the reference page declares them: whole sentences


def contract_at(contracts: list[Contract], path: str) -> Contract:
    """Whose errors are shown at a path: the longest prefix wins."""
    fits = [(len(p), nth) for nth, c in enumerate(contracts) for p in c.prefixes if path.startswith(p)]
    return contracts[max(fits)[1]]


def plain_error(status: int, code: str, sentence: str) -> Any:
    return {"error": sentence}
