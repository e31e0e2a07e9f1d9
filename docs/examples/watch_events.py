"""The same events over a WebSocket: watch_events.py URL API_KEY [POSITION]."""

import asyncio
import json
import sys

from websockets import connect


async def main(url: str, key: str, after: str = "0") -> None:
    address = f"{url.replace('http', 'ws', 1)}/api/v1/events?after={after}"
    async with connect(address, additional_headers={"X-API-Key": key}) as socket:
        async for text in socket:
            message = json.loads(text)
            print(message["position"], message["event"], flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
