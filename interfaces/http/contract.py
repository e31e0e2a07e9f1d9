"""A contract: the routes of one outside API, and the shape of its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from interfaces.http.channels import Channel

Render = Callable[[int, str, str], Any]  # (status, code, message) -> the contract's error body


@dataclass(frozen=True)
class Contract:
    """One outside API. Errors under its prefixes have its shape."""

    name: str
    routers: tuple[APIRouter, ...]
    prefixes: tuple[str, ...]
    render: Render
    statuses: Mapping[int, int] = field(default_factory=dict)  # the contract's own statuses, by Tenure's
    files: str = r"(?!)"  # pattern of the paths at which a request's body may be a file
    any_origin: str = r"(?!)"  # pattern of the paths that take no cookie and no identity header: open to any page
    channels: tuple[Channel, ...] = ()  # its streams and sockets, for the published reference
    deviations: tuple[str, ...] = ()  # from its document: sentences for the reference page


def contract_at(contracts: list[Contract], path: str) -> Contract:
    """The contract at a path: the one with the longest prefix."""
    matches = [(len(p), index) for index, c in enumerate(contracts) for p in c.prefixes if path.startswith(p)]
    return contracts[max(matches)[1]]


def plain_error(status: int, code: str, message: str) -> Any:
    """The error body of the contracts that have only a message."""
    return {"error": message}
