"""What a version shows of a database, as JSON: its rows, its aggregates, and its answers."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import dict_row

# Folded from the log by the follower. Every other table is kept beside the log, and written by the commands themselves.
READ_MODELS = "holders", "operations", "sessions", "trail", "users", "invites", "claims", "work", "workshops"
READ_MODELS += "workspaces", "hosted_sessions", "guests", "api_keys", "vm_accounts", "vm_configs"
TABLES = """
select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname
"""
LOG = "select notification_id, originator_id, topic from tenure_events order by notification_id"
# Of an answer's headers, those that clients go on with.
HEADERS = "etag", "location", "x-tenure-position"


def plain(value: Any) -> Any:
    """It as JSON would have it. Times keep their instant, whatever the zone they are written in."""
    match value:
        case Enum():
            return plain(value.value)
        case datetime():
            return utc(value)
        case UUID() | date() | bytes() | memoryview():
            return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
        case dict():
            return {str(plain(key)): plain(it) for key, it in value.items()}
        case set() | frozenset():
            return sorted(map(plain, value), key=str)
        case list() | tuple():
            return [plain(it) for it in value]
        case str() | int() | float() | None:
            return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return {name: plain(it) for name, it in vars(value).items()}


def utc(at: datetime) -> str:
    return datetime.fromtimestamp(at.timestamp(), tz=UTC).isoformat()


def tables(database: str) -> list[str]:
    with psycopg.connect(database) as conn:
        return [name for (name,) in conn.execute(TABLES).fetchall()]


def rows(database: str, table: str) -> list[dict[str, Any]]:
    """All rows of a table, in an order that follows from what they say."""
    with psycopg.connect(database, row_factory=dict_row) as conn:
        found = [plain(row) for row in conn.execute(f'select * from "{table}"').fetchall()]  # type: ignore[arg-type]
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


def log(database: str) -> list[tuple[int, UUID, str]]:
    """Position, aggregate and topic of every event that is stored."""
    with psycopg.connect(database) as conn:
        return conn.execute(LOG).fetchall()


def answered(response: httpx.Response) -> dict[str, Any]:
    """What counts of an answer."""
    is_json = response.headers.get("content-type", "").partition(";")[0] == "application/json"
    told: dict[str, Any] = {"status": response.status_code}
    told |= {name: response.headers[name] for name in HEADERS if name in response.headers}
    return told | {"body": response.json() if is_json else response.text}
