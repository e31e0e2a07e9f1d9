"""Apps without Tenure, which show what the same server software does on the same machine."""

from __future__ import annotations

import asyncio

import orjson
from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.no_op_routes import ANSWER

fastapi = FastAPI(openapi_url=None)


@fastapi.get("/")
async def get() -> Response:
    """A small JSON object."""
    return Response(orjson.dumps(ANSWER), media_type="application/json")


FRAME_END = b"\r\n\r\n"


class FanOut:
    """GET is an endless event stream. POST sends the frames in its body, one by one, to all readers."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[bytes]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "POST":
            await self._post(receive, send)
        else:
            await self._read(receive, send)

    async def _post(self, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        for frame in body.removesuffix(FRAME_END).split(FRAME_END):
            for reader in self._readers:
                reader.put_nowait(frame + FRAME_END)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def _read(self, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._readers.add(frames)
        sender = asyncio.create_task(self._send(frames, send))
        try:
            while (await receive())["type"] != "http.disconnect":
                continue
        finally:
            sender.cancel()
            self._readers.discard(frames)

    async def _send(self, frames: asyncio.Queue[bytes], send: Send) -> None:
        frame = b"event: ready" + FRAME_END
        while True:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
            frame = await frames.get()


APPS: dict[str, ASGIApp] = {"fastapi": fastapi, "fan": FanOut()}
