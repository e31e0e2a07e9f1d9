"""Log lines: one JSON object each, or for people where a terminal is. What code says with `extra=` is in them."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name


def configure(level: str, form: str) -> None:
    """`form` is json, console, or auto (console on a terminal)."""
    pretty = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        add_log_level,
        add_logger_name,
        ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: Any = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(serializer=dumps)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(foreign_pre_chain=shared, processors=[ProcessorFormatter.remove_processors_meta, last])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("uvicorn.access", "docker", "urllib3", "asyncio", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Below that, these write down the headers of handshakes, and with them whatever credential is in there.
    for telling in ("uvicorn.error", "websockets", "httpcore"):
        logging.getLogger(telling).setLevel(max(logging.INFO, root.level))


def dumps(told: Any, **_: Any) -> str:
    return orjson.dumps(told, default=str).decode()
