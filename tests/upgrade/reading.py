"""The log, the rows and the HTTP answers of a database as plain JSON values, so that two versions can be compared."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import dict_row

# The tables that the follower folds from the log. Commands write all other tables themselves.
READ_MODELS = (
    *("api_keys", "claims", "guests", "holders", "hosted_sessions", "invites", "operations", "orphans"),
    *("sessions", "trail", "users", "vm_accounts", "vm_configs", "work", "workshops", "workspaces"),
)
TABLES = """
select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname
"""
LOG = "select notification_id, originator_id, topic from tenure_events order by notification_id"
HEADERS = ("etag", "location", "x-tenure-position")  # the headers of answers that clients use


def plain(value: Any) -> Any:
    """The value as JSON: times in UTC, ids and bytes as text, sets sorted, other objects as their attributes."""
    match value:
        case Enum():
            return plain(value.value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case UUID():
            return str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
        case dict():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(map(plain, value), key=str)
        case list() | tuple():
            return [plain(item) for item in value]
        case str() | int() | float() | None:
            return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return plain(vars(value))


def tables(database: str) -> list[str]:
    with psycopg.connect(database) as conn:
        return [name for (name,) in conn.execute(TABLES).fetchall()]


def rows(database: str, table: str) -> list[dict[str, Any]]:
    """All rows of a table, sorted by their contents."""
    with psycopg.connect(database, row_factory=dict_row) as conn:
        contents = conn.execute(f'select * from "{table}"').fetchall()
    return sort([plain(row) for row in contents])


def sort(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(contents, key=lambda row: json.dumps(row, sort_keys=True))


def log(database: str) -> list[tuple[int, UUID, str]]:
    """The position, the aggregate's id and the topic of every stored event."""
    with psycopg.connect(database) as conn:
        return conn.execute(LOG).fetchall()


def answer_facts(answer: httpx.Response) -> dict[str, Any]:
    """Status, body and the headers that count."""
    is_json = answer.headers.get("content-type", "").partition(";")[0] == "application/json"
    headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
    return {"status": answer.status_code, **headers, "body": answer.json() if is_json else answer.text}
