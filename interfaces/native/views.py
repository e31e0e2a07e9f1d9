"""Entries of the trail, and states replayed from it, in the shapes of the native API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, Field

from domain.aggregate import Aggregate
from projections.trail import Entry


class EntryOut(BaseModel):
    """An event: where it stands in the log, what happened to what, when, by whom and why."""

    position: int
    subject: UUID
    version: int = Field(description="of the subject: 1 is its first event")
    kind: str = Field(examples=["workspace.provisioned"])
    at: datetime
    by: UUID | None = Field(description="the user who asked; null: Tenure itself")
    by_name: str | None
    by_provider: str | None = Field(description="what vouches for the name: github, proxy, password, local, …")
    by_self_named: bool | None = Field(description="whether the user chose the name, so that others may have it, too")
    request_id: str
    caused_by: int | None = Field(description="the position of the event that asked for this one")
    facts: dict[str, Any]


class EventsOut(BaseModel):
    """A page of the log."""

    events: list[EntryOut]
    next: int | None = Field(description="where to go on after; null: that was all")
    position: int = Field(description="everything up to here is in the answer; a stream goes on after it")


class SubjectOut(BaseModel):
    """What something was, at a position of the log or at a time."""

    subject: UUID
    kind: str = Field(examples=["workspace"])
    version: int
    at: int | datetime
    state: dict[str, Any]


def entry(row: Entry) -> dict[str, Any]:
    """An event: where it stands in the log, what happened to what, when, by whom (None: Tenure itself) and why."""
    return {
        "position": row.position,
        "subject": row.subject,
        "version": row.version,
        "kind": row.kind,
        "at": row.at,
        "by": row.by,
        "request_id": row.request_id,
        "caused_by": row.caused_by,
        "facts": row.facts,
    }


def message(row: Entry) -> dict[str, Any]:
    """An event with the state of its subject after it (None: gone from every list)."""
    return entry(row) | {"state": row.state}


def line(value: Any) -> bytes:
    """One line of JSON, without a line end."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def state(aggregate: Aggregate) -> dict[str, Any]:
    """Every attribute of an aggregate, under the names that clients know."""
    names = aggregate.STATE_NAMES
    values = {
        names.get(key, key.lstrip("_")): value for key, value in vars(aggregate).items() if key != "_pending_events"
    }
    return {name: json_value(value) for name, value in values.items()}


def json_value(value: Any) -> Any:
    """An attribute as orjson takes it. Keys become text: the seats of a workshop are numbered, which orjson refuses."""
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    return str(value) if isinstance(value, str) else value
