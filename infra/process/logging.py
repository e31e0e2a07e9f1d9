"""Log lines: one JSON object each, or for people where a terminal is. What code says with `extra=` is in them."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

OURS = ("domain", "application", "projections", "interfaces", "infra", "tenure")


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
    # What libraries say at the level of debugging has frames, headers and so what people type and sign in with.
    root.setLevel(max(logging.getLevelNamesMapping()[level.upper()], logging.INFO))
    for ours in OURS:
        logging.getLogger(ours).setLevel(level.upper())
    for chatty in ("uvicorn.access", "docker", "urllib3", "asyncio", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def dumps(told: Any, **_: Any) -> str:
    return orjson.dumps(told, default=str).decode()
