"""Log lines: one JSON object each, or text for people on a terminal. `extra=` adds fields to both."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import Any

import orjson
import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

# A query may have a token or a password, in an address that a library logs or that an error names.
# Each pattern matches up to the end of an address, even where nothing in it is secret: looking again from its next
# character would take hours for a long one, which anybody may send.
QUERY = re.compile(r"(?<=[\w/)\]*])\?[^\s\"'<>]*")
AUTHORITY = re.compile(r"(\w://)([^\s\"'<>]*)")
# What pydantic and PostgreSQL quote in their errors: values of a request, and of rows.
QUOTED_VALUES = re.compile(r"input_value=(?:.*?(?=, input_type=)|.*)|(?<=DETAIL:  ).*|(?<=CONTEXT:  ).*", re.DOTALL)
ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])"
)  # ECMA-48: CSI, OSC, others
OWN_LOGGERS = ("domain", "application", "projections", "interfaces", "infra", "tenure")


def configure(level: str, log_format: str) -> None:
    """Log to standard error. `log_format` is json, console, or auto (console on a terminal)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(log_format == "console" or (log_format == "auto" and sys.stderr.isatty())))
    logging.getLogger().handlers[:] = [handler]
    set_levels(level)


def formatter(for_people: bool) -> logging.Formatter:
    """What makes a line of a record: text for people, or JSON."""
    processors: list[Any] = [
        add_log_level,
        add_logger_name,
        ExtraAdder(),
        drop_colored_copy,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        remove_escape_sequences,  # first: one in an address would hide a secret from the next
        drop_secrets,
    ]
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=colors)
        if for_people
        else structlog.processors.JSONRenderer(serializer=dumps)
    )
    return ProcessorFormatter(
        foreign_pre_chain=processors, processors=[ProcessorFormatter.remove_processors_meta, renderer]
    )


def set_levels(level: str) -> None:
    """Log from this level on, and from INFO on at the most what libraries say."""
    # Libraries log frames and headers at DEBUG: what people type, and what they sign in with.
    logging.getLogger().setLevel(max(logging.getLevelNamesMapping()[level.upper()], logging.INFO))
    for own in OWN_LOGGERS:
        logging.getLogger(own).setLevel(level.upper())
    for chatty in ("uvicorn.access", "docker", "urllib3", "asyncio", "httpx", "httpcore", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def drop_colored_copy(_logger: Any, _method: str, fields: Any) -> Any:
    """Drop uvicorn's `color_message`, a copy of its message with escape sequences that every log line would show."""
    fields.pop("color_message", None)
    return fields


def drop_secrets(_logger: Any, _method: str, fields: Any) -> Any:
    """Drop queries and passwords of addresses, and quoted values, from the message, the fields and the traceback."""
    for name, value in fields.items():
        if isinstance(value, str) and not name.startswith("_"):
            fields[name] = without_secrets(value)
    return fields


def without_secrets(text: str) -> str:
    """The text without what may be a secret in it."""
    text = QUERY.sub(without_parameters, AUTHORITY.sub(without_userinfo, text))
    return QUOTED_VALUES.sub("…", text)


def without_userinfo(match: re.Match[str]) -> str:
    """The begin of an address, with *** in place of the user and the password."""
    _, at, rest = match[2].rpartition("@")
    return f"{match[1]}***@{rest}" if at else match[0]


def without_parameters(match: re.Match[str]) -> str:
    """A query without its parameters; a question mark that begins none stays."""
    return "?…" if "=" in match[0] else match[0]


def remove_escape_sequences(_logger: Any, _method: str, fields: Any) -> Any:
    """Remove colours and other escape sequences from every text: a log is read by programs, and in other terminals."""
    return {name: ESCAPE_SEQUENCE.sub("", value) if isinstance(value, str) else value for name, value in fields.items()}


def dumps(fields: Any, **_: Any) -> str:
    return orjson.dumps(fields, default=str).decode()
