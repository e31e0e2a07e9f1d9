"""A client of /api/v1. Every failure is a `Stop` with a sentence for people."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import httpx
from httpx_sse import ServerSentEvent, SSEError, connect_sse

from interfaces.cli.credentials import Credential
from interfaces.cli.host import Stop

RESPONSE_TIMEOUT_S = 30.0
STREAM_TIMEOUT_S = 90.0  # without even a comment, after which a stream counts as broken
RECONNECT_DELAY_S = 1.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TEMPORARY_STATUSES = (502, 503, 504)  # of a server that restarts, or of the proxy before it
NO_SERVER = "Tenure does not answer at {}; start it with `make run` or `tenure up`, or name another with --url"


@dataclass(frozen=True)
class StreamEvent:
    """A frame of the event stream. Its kind is `ready`, `reset`, or the kind of an event."""

    kind: str
    data: dict[str, Any]


class Refusal(Stop):
    """The server has refused a request, with this status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """A connection to one server with one credential. Paths are below /api/v1, unless they begin with a slash."""

    def __init__(self, url: str, credential: Credential) -> None:
        self.url, self.credential = url.rstrip("/"), credential
        try:
            host = urlsplit(self.url).hostname
            self.http = httpx.Client(
                headers=[(name.encode(), value.encode()) for name, value in credential.headers.items()],
                timeout=RESPONSE_TIMEOUT_S,
                trust_env=host not in LOOPBACK,  # a proxy in the environment cannot reach this machine
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Stop(f"--url is no address: {error}") from None

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send a request. Raises `Stop` for an error response, too."""
        try:
            response = self.http.request(method, self._address(path), json=body, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Stop(self._describe(error)) from None
        if response.is_error:
            raise Refusal(refusal(response), response.status_code)
        return response

    def _address(self, path: str) -> str:
        return f"{self.url}{path}" if path.startswith("/") else f"{self.url}/api/v1/{path}"

    def join(self, invite: str | None = None) -> None:
        """Let the name join, if it does not belong there yet. Raises `Stop` if it is not let in."""
        params = {"name": self.credential.name or ""} | ({"invite": invite} if invite else {})
        answer = self.ask("GET", f"/auth/dev?{urlencode(params)}")
        if errors := parse_qs(urlsplit(answer.headers.get("location", "")).query).get("error"):
            raise Stop(f"{self.credential.name} is not let in: {errors[0].replace('_', ' ')}")
        self.ask("POST", "/auth/logout")  # the cookie; the name goes on without it

    def json(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The JSON of the response to a request. Raises `Stop`."""
        try:
            return self.ask(method, path, body, headers).json()
        except ValueError:
            raise Stop(f"{self.url} answers, but not as Tenure does; name another with --url") from None

    def find(self, id_or_name: str) -> str:
        """The id of a workspace of the user. Raises `Stop` for a name that none or several of them have."""
        try:
            return str(UUID(id_or_name))
        except ValueError:
            workspaces = self.json("GET", "workspaces")
        matches = [workspace for workspace in workspaces if workspace["name"] == id_or_name]
        if len(matches) == 1:
            return str(matches[0]["id"])
        if matches:
            lines = "".join(f"\n  {w['id']}  {w['status']}, since {w['created_at']}" for w in matches)
            raise Stop(f'{len(matches)} workspaces are called "{id_or_name}"; say which by its id:{lines}')
        names = ", ".join(sorted({workspace["name"] for workspace in workspaces})) or "none"
        raise Stop(f'No workspace of yours is called "{id_or_name}"; there are: {names}')

    def follow(
        self, subject: str | None = None, after: int | None = None, on_lost: Callable[[str], None] = lambda reason: None
    ) -> Iterator[StreamEvent]:
        """The event stream, without an end: it reconnects after the last event that it has received.

        `on_lost` gets the reason each time that an established connection is lost.
        """
        last, was_connected = None if after is None else str(after), False
        while True:
            try:
                for frame in self._frames(subject, last):
                    was_connected, last = True, frame.id or last
                    yield StreamEvent(frame.event, json.loads(frame.data))
                reason = "the server has closed the stream"
            except (httpx.TransportError, SSEError) as error:
                reason = self._describe(error)
                if last is None:
                    raise Stop(reason) from None
            if was_connected:
                on_lost(reason)
            was_connected = False
            time.sleep(RECONNECT_DELAY_S)

    def _frames(self, subject: str | None, last: str | None) -> Iterator[ServerSentEvent]:
        wait = httpx.Timeout(RESPONSE_TIMEOUT_S, read=STREAM_TIMEOUT_S)
        params = {"subject": subject} if subject else {}
        headers = {"last-event-id": last} if last is not None else {}
        with connect_sse(
            self.http, "GET", self._address("events"), params=params, headers=headers, timeout=wait
        ) as source:
            if source.response.is_error:
                source.response.read()
                if source.response.status_code in TEMPORARY_STATUSES and last is not None:
                    return
                raise Stop(refusal(source.response))
            for frame in source.iter_sse():
                if frame.data:  # httpx-sse yields a comment after an event as an event without data
                    yield frame

    def _describe(self, error: Exception) -> str:
        """A sentence about a failed request."""
        if isinstance(error, httpx.UnsupportedProtocol):
            return f"{self.url} is no address of a server; write one such as http://127.0.0.1:3000"
        if isinstance(error, httpx.LocalProtocolError):
            return "a name and an API key must be on one line, and of printable characters"
        if isinstance(error, httpx.TimeoutException):
            return f"{self.url} does not answer in time"
        if isinstance(error, httpx.ConnectError):
            return NO_SERVER.format(self.url)
        return f"The connection to {self.url} was lost: {error}"


def refusal(response: httpx.Response) -> str:
    """The message of an error response."""
    try:
        body = response.json()
        return str(body.get("message") or body["error"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{response.request.url} answers {response.status_code} {response.reason_phrase}"
