"""Show the size of a machine's display, take a turn, and press Enter: connect.py URL TOKEN VM [PASSWORD].

The WebSocket carries the signalling of a WebRTC connection: the server offers, the client answers. Pictures come as a
video track; turns, the mouse and the keyboard go over the data channel `control`.
"""

import asyncio
import json
import sys
from urllib.parse import urlencode

from aiortc import RTCPeerConnection, RTCSessionDescription
from websockets import connect

ENTER = 0xFF0D  # an X11 keysym


async def main(url: str, token: str, vm: str, password: str = "") -> None:
    peer = RTCPeerConnection()
    tracks, channels, turns = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    peer.on("datachannel", channels.put_nowait)
    query = urlencode({"token": token, "password": password} if password else {"token": token})
    try:
        async with connect(f"{url.replace('http', 'ws', 1)}/api/v0/connect/{vm}?{query}") as socket:
            async for text in socket:
                message = json.loads(text)
                if message["event"] == "error":
                    raise SystemExit(message["data"]["message"])
                if message["event"] == "offer":  # its candidates are in it, so others can be left out
                    await peer.setRemoteDescription(RTCSessionDescription(**message["data"]))
                    await peer.setLocalDescription(await peer.createAnswer())
                    description = {"type": peer.localDescription.type, "sdp": peer.localDescription.sdp}
                    await socket.send(json.dumps({"event": "answer", "data": description}))
                    break
            picture = await (await tracks.get()).recv()
            channel = await channels.get()
        # The WebSocket has done its work.
        channel.on("message", lambda text: turns.put_nowait(json.loads(text)))
        print(f"{picture.width} x {picture.height}", flush=True)

        def send(event: str, **data: object) -> None:
            channel.send(json.dumps({"event": event, "data": data}))

        send("turn/take")
        while (message := await turns.get())["event"] != "turn" or not message["data"]["yours"]:
            pass
        send("control/keypress", keysym=ENTER)
        send("turn/release")
        while (message := await turns.get())["event"] != "turn" or message["data"]["yours"]:
            pass
        print("pressed Enter", flush=True)
    finally:
        await peer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
