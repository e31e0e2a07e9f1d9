"""A client of /api/v1. Whatever goes wrong is a `Stop` with a sentence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from httpx_sse import ServerSentEvent, SSEError, connect_sse

from interfaces.cli.host import Stop

ANSWER = 30.0  # seconds
SILENCE = 90.0  # seconds without even a comment, after which a stream is taken for dead
AGAIN = 1.0  # seconds between attempts to come back
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PASSING = (502, 503, 504)  # a server, or the proxy before it, that will be back
ABSENT = "Tenure does not answer at {}; start it with `make run` or `tenure up`, or name another with --url"


@dataclass(frozen=True)
class Told:
    """A frame of the stream: `ready`, `reset`, or the kind of an event."""

    kind: str
    data: dict[str, Any]


class Client:
    """One user's view of one server: by their name, or by their API key."""

    def __init__(self, url: str, user: str, key: str | None = None) -> None:
        self.url = url.rstrip("/")
        try:
            host = urlsplit(self.url).hostname
            self.http = httpx.Client(
                base_url=f"{self.url}/api/v1/",
                headers=[(b"x-api-key", key.encode()) if key else (b"x-user", user.encode())],
                timeout=ANSWER,
                trust_env=host not in LOOPBACK,  # a proxy of the environment does not lead to this machine
            )
        except (httpx.InvalidURL, ValueError) as bad:
            raise Stop(f"--url is no address: {bad}") from None

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        try:
            response = self.http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise Stop(self._trouble(error)) from None
        if response.is_error:
            raise Stop(refusal(response))
        return response

    def json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        try:
            return self.ask(method, path, body, **headers).json()
        except ValueError:
            raise Stop(f"{self.url} answers, but not as Tenure does; name another with --url") from None

    def find(self, named: str) -> str:
        """The id of the workspace that is named by its id, or by a name that only one of the user's has."""
        try:
            return str(UUID(named))
        except ValueError:
            mine = self.json("GET", "workspaces")
        fits = [it for it in mine if it["name"] == named]
        if len(fits) == 1:
            return str(fits[0]["id"])
        if fits:
            several = "".join(f"\n  {it['id']}  {it['status']}, since {it['created_at']}" for it in fits)
            raise Stop(f'{len(fits)} workspaces are called "{named}"; say which by its id:{several}')
        known = ", ".join(sorted({it["name"] for it in mine})) or "none"
        raise Stop(f'No workspace of yours is called "{named}"; there are: {known}')

    def follow(
        self, subject: str | None = None, after: int | None = None, lost: Callable[[str], None] = lambda why: None
    ) -> Iterator[Told]:
        """The event stream, without an end: it comes back after the last event that it has seen.

        `lost` is told once each time that the connection is lost, once there has been one.
        """
        last, was_there = None if after is None else str(after), False
        while True:
            try:
                for frame in self._frames(subject, last):
                    was_there, last = True, frame.id or last
                    yield Told(frame.event, json.loads(frame.data))
                why = "the server has closed the stream"
            except (httpx.TransportError, SSEError) as error:
                why = self._trouble(error)
                if last is None:
                    raise Stop(why) from None
            if was_there:
                lost(why)
            was_there = False
            time.sleep(AGAIN)

    def _frames(self, subject: str | None, last: str | None) -> Iterator[ServerSentEvent]:
        wait = httpx.Timeout(ANSWER, read=SILENCE)
        params = {"subject": subject} if subject else {}
        headers = {"last-event-id": last} if last is not None else {}
        with connect_sse(self.http, "GET", "events", params=params, headers=headers, timeout=wait) as source:
            if source.response.is_error:
                source.response.read()
                if source.response.status_code in PASSING and last is not None:
                    return
                raise Stop(refusal(source.response))
            for frame in source.iter_sse():
                if frame.data:  # httpx-sse takes a comment after an event for one without data
                    yield frame

    def _trouble(self, error: Exception) -> str:
        if isinstance(error, httpx.UnsupportedProtocol):
            return f"{self.url} is no address of a server; write one such as http://127.0.0.1:3000"
        if isinstance(error, httpx.LocalProtocolError):
            return "--user and --key must be on one line, and of printable characters"
        if isinstance(error, httpx.TimeoutException):
            return f"{self.url} does not answer in time"
        if isinstance(error, httpx.ConnectError):
            return ABSENT.format(self.url)
        return f"The connection to {self.url} was lost: {error}"


def refusal(response: httpx.Response) -> str:
    """The sentence of an answer that is an error."""
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"{response.request.url} answers {response.status_code} {response.reason_phrase}"
