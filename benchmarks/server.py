"""Runs a server in a process of its own: Tenure with the routes of `no_op_routes`, or one of the `baselines`.

    python -m benchmarks.server '{"app": "tenure", "database": URL, "home": DIR, …}'

It listens on a free loopback port, prints its URL in one line, and ends when its standard input does.
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
from benchmarks import baselines, no_op_routes
from infra.process import logging as logs
from infra.process import server
from infra.settings import Settings
from infra.wiring.bootstrap import Overrides, running
from interfaces import app as api
from tests.support.fake_engine import Engine


@asynccontextmanager
async def app(options: dict[str, Any], settings: Settings) -> AsyncIterator[ASGIApp]:
    """The ASGI app that the options ask for."""
    if options["app"] != "tenure":
        yield baselines.APPS[options["app"]]
        return
    engine: Machines | None = Engine() if options["engine"] == "fake" else None
    async with running(settings, options["database"], Overrides(machines=engine)) as tenure:
        web = api.build(tenure.deps)
        web.include_router(no_op_routes.router)
        yield web
        tenure.hub.close()


async def serve(options: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    # One user holds all that a bench creates.
    values = {"home": Path(options["home"]), "log_level": "warning", "quotas": False} | options.get("settings", {})
    listening = server.open_socket("127.0.0.1:0")
    settings = Settings(bind=f"127.0.0.1:{listening.getsockname()[1]}", **values)
    logs.configure(settings.log_level, "json")
    async with app(options, settings) as web:
        server.tune_garbage_collector()
        serving = uvicorn.Server(server.uvicorn_config(web, settings))
        stopper = asyncio.create_task(stop_at_end_of_input(serving))
        printer = asyncio.create_task(server.when_started(serving, lambda: print(settings.url, flush=True)))
        await serving.serve(sockets=[listening])
        stopper.cancel()
        printer.cancel()


async def stop_at_end_of_input(serving: uvicorn.Server) -> None:
    """Stop the server when standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    serving.should_exit = True


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=server.loop_factory()) as runner:
        runner.run(serve(json.loads(sys.argv[1])))
