"""The command line's client parses event streams, including comments between events."""

from __future__ import annotations

import httpx

from interfaces.cli.client import Client
from interfaces.cli.credentials import name_credential

STREAM = """id: 1
event: ready
data: {"position": 1}

: ping, as a server says every few seconds while nothing happens

id: 2
event: workspace.requested
data: {"position": 2}

"""


def test_a_comment_between_events_is_no_event() -> None:
    client = Client("http://127.0.0.1:3000", name_credential("alice"))
    says = httpx.Response(200, headers={"content-type": "text/event-stream"}, text=STREAM)
    client.http = httpx.Client(base_url=client.url, transport=httpx.MockTransport(lambda request: says))
    events = client.follow()
    assert [next(events).kind for _ in range(2)] == ["ready", "workspace.requested"]
