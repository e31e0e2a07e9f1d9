"""Records the secrets that a test's clients send and get, and searches logs, events and rows for them afterwards.

Every Tenure that `tests.support.server.served` runs is recorded, so the whole suite shows that no secret is kept.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, unquote

from psycopg_pool import AsyncConnectionPool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.process import logging as logs
from tests.support.database_text import dumped, holding

# Fields of JSON, parameters of a query and headers whose value proves something.
FIELDS = ("password", "old_password", "password_hash", "token", "key", "api_key", "secret", "access_code")
PARAMETERS = (*FIELDS, "code", "state")
HEADERS = (b"authorization", b"x-api-key")
MIN_SECRET_CHARS = 10  # a shorter one is also a part of other words
MAX_BODY_BYTES = 65_536  # of a body that is read for secrets
# Tables that hold a secret in clear, each with why. All others hold none.
OWN_ROWS: dict[str, str] = {}


class Recorder(logging.Handler):
    """The secrets and the log lines of one Tenure."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.secrets: set[str] = set()
        self.lines: list[str] = []
        self.setFormatter(logs.formatter(for_people=False))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line that a server would write for this record."""
        self.lines.append(self.format(record))

    def add(self, values: Iterable[Any]) -> None:
        """Note those values that are long enough to be searched for."""
        self.secrets |= {value for value in values if isinstance(value, str) and len(value) >= MIN_SECRET_CHARS}

    def watch(self, app: ASGIApp) -> ASGIApp:
        """The application, with what passes it recorded."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            self.add(of_request(scope))
            request, answer = bytearray(), bytearray()

            async def receive_and_note() -> Message:
                message = await receive()
                collect(request, message)
                return message

            async def send_and_note(message: Message) -> None:
                if message["type"].endswith("response.start"):
                    self.add(set_cookies(message.get("headers", [])))
                collect(answer, message)
                await send(message)

            try:
                await app(scope, receive_and_note, send_and_note)
            finally:
                for body in (request, answer):
                    self.add(of_json(body))

        return watched

    async def check(self, pool: AsyncConnectionPool[Any]) -> None:
        """Fail if a log line, an event or a row holds a secret."""
        if not self.secrets:
            return
        written = "\n".join(self.lines)
        assert not (logged := [secret for secret in self.secrets if secret in written]), f"logged: {logged}"
        dump = await dumped(pool)
        tables = {secret: set(holding(dump, secret)) - OWN_ROWS.keys() for secret in self.secrets}
        in_clear = {secret: places for secret, places in tables.items() if places}
        assert not in_clear, f"kept in clear: {in_clear}"


def collect(body: bytearray, message: Message) -> None:
    if len(body) < MAX_BODY_BYTES:
        body += message.get("body", b"")


def of_request(scope: Scope) -> Iterator[str]:
    """The secrets in the head of a request."""
    for name, value in scope.get("headers", ()):
        text = value.decode("latin-1")
        if name in HEADERS:
            yield text.rpartition(" ")[2]
        elif name == b"cookie":
            yield from cookie_values(text)
    for name, text in parse_qsl(scope.get("query_string", b"").decode("latin-1")):
        if name in PARAMETERS:
            yield text


def set_cookies(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    for name, value in headers:
        if name.lower() == b"set-cookie":
            yield from cookie_values(value.decode("latin-1"))


def cookie_values(text: str) -> Iterator[str]:
    try:
        cookies = SimpleCookie(text)
    except CookieError:
        return
    yield from (unquote(morsel.value) for morsel in cookies.values())


def of_json(body: bytes | bytearray) -> Iterator[str]:
    """The secrets in a body, if that is JSON."""
    try:
        yield from fields_of(json.loads(body))
    except (ValueError, RecursionError):
        return


def fields_of(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in FIELDS and isinstance(value, str):
                yield value
            else:
                yield from fields_of(value)
    elif isinstance(node, list):
        for item in node:
            yield from fields_of(item)
