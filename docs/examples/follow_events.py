"""Follow every event that you may see, over Server-Sent Events: follow_events.py URL API_KEY [POSITION]."""

import sys

import httpx
from httpx_sse import connect_sse


def main(url: str, key: str, after: str = "0") -> None:
    # A stream is quiet for as long as nothing happens, so reading has no time limit.
    with (
        httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=httpx.Timeout(10, read=None)) as client,
        connect_sse(client, "GET", "/api/v1/events", params={"after": after}) as events,
    ):
        for event in events.iter_sse():
            print(event.id, event.event, flush=True)  # come back with the last id as `after`


if __name__ == "__main__":
    main(*sys.argv[1:])
