"""Log lines: one JSON object each, or text for people on a terminal. `extra=` adds fields to both."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

OWN_LOGGERS = ("domain", "application", "projections", "interfaces", "infra", "tenure")


def configure(level: str, log_format: str) -> None:
    """Log to standard error. `log_format` is json, console, or auto (console on a terminal)."""
    for_people = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    processors: list[Any] = [
        add_log_level,
        add_logger_name,
        ExtraAdder(),
        drop_colored_copy,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer(serializer=dumps)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=processors, processors=[ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries log frames and headers at DEBUG: what people type, and what they sign in with.
    root.setLevel(max(logging.getLevelNamesMapping()[level.upper()], logging.INFO))
    for own in OWN_LOGGERS:
        logging.getLogger(own).setLevel(level.upper())
    for chatty in ("uvicorn.access", "docker", "urllib3", "asyncio", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def drop_colored_copy(_logger: Any, _method: str, fields: Any) -> Any:
    """Drop uvicorn's `color_message`, a copy of its message with escape sequences that every log line would show."""
    fields.pop("color_message", None)
    return fields


def dumps(fields: Any, **_: Any) -> str:
    return orjson.dumps(fields, default=str).decode()
