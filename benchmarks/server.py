"""A server in a process of its own: Tenure with routes beside its own that do nothing, or one of the bare bounds.

    python -m benchmarks.server '{"app": "tenure", "database": URL, "home": DIR, …}'

It listens on a free loopback port, says which in one line, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from application.ports.machines import Machines
from benchmarks import bare, nothing
from infra.process import logging as logs
from infra.process import server
from infra.settings import Settings
from infra.wiring.bootstrap import Overrides, running
from interfaces.http import app as api
from tests.support.fake_engine import Engine


@asynccontextmanager
async def app(asked: dict[str, Any], settings: Settings) -> AsyncIterator[ASGIApp]:
    if asked["app"] != "tenure":
        yield bare.APPS[asked["app"]]
        return
    engine: Machines | None = Engine() if asked["engine"] == "fake" else None
    async with running(settings, asked["database"], Overrides(machines=engine)) as tenure:
        web = api.build(tenure.deps)
        web.include_router(nothing.router)
        yield web
        tenure.hub.close()


async def serve(asked: dict[str, Any]) -> None:
    more = {"home": Path(asked["home"]), "log_level": "warning"} | asked.get("settings", {})
    listening = server.open_socket(Settings(bind="127.0.0.1:0", **more))
    settings = Settings(bind=f"127.0.0.1:{listening.getsockname()[1]}", **more)
    logs.configure(settings.log_level, "json")
    async with app(asked, settings) as web:
        server.tune_garbage_collector()
        serving = uvicorn.Server(server.uvicorn_config(web, settings))
        ending = asyncio.create_task(until_input_ends(serving))
        telling = asyncio.create_task(server.when_started(serving, lambda: print(settings.url, flush=True)))
        await serving.serve(sockets=[listening])
        ending.cancel()
        telling.cancel()


async def until_input_ends(serving: uvicorn.Server) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    serving.should_exit = True


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=server.loop_factory()) as runner:
        runner.run(serve(json.loads(sys.argv[1])))
