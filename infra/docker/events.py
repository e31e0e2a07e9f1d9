"""What a Docker engine reports of its containers, as it happens.

Events that belong together (a restart is a kill, an end, a stop, a start and a restart) are passed on as one change,
once the container has been quiet for a moment. Source: "Monitor events" in the Docker Engine API reference.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from docker import APIClient
from docker.errors import DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from application.ports.errors import Unavailable
from application.ports.machines import MachineChange
from domain.region import LOCAL
from infra.docker.containers import REGION_LABEL, WORKSPACE_LABEL, Containers, end_of, name_of
from infra.docker.engine import DockerEngine, refusals

QUIET_S = 0.3  # without another event of the same container, until its change is passed on
MAX_DELAY_S = 1.0  # a container that never is quiet is reported after that
NS_PER_S = 10**9
PING_INTERVAL_S = 10.0  # a connection that was cut off without a word is noticed by then
KILL_MEMORY_S = 15.0  # a machine that ends sooner after a signal has ended by it: Docker waits for 10 s
ACTIONS = ["start", "kill", "oom", "die", "destroy", "rename"]
STREAM_ERRORS = (DockerException, RequestException, HTTPError, OSError, ValueError)


@dataclass(frozen=True)
class PendingChange:
    """The change that is made of the events of one container, and the times of its first and next passing on."""

    change: MachineChange
    out_of_memory: bool
    due: float
    due_at_last: float


class EngineEvents:
    """The events of the containers of one installation and region on one engine."""

    def __init__(self, engine: DockerEngine, containers: Containers) -> None:
        self._engine, self._containers = engine, containers
        self._last_event_ns: int | None = None  # on the engine's clock
        self._killed_at: dict[UUID, float] = {}  # when the engine was last asked to end a machine

    async def changes(self) -> AsyncGenerator[MachineChange]:
        """`application.ports.machines.ReportingEngine.changes`.

        After an interruption, the engine first repeats what it remembers of the events in between: they tell reasons
        that looking at the machines does not.
        """
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        with refusals("the engine's events cannot be followed"):
            stream = await self._engine(partial(self._open, since=self._last_event_ns))
        loop = asyncio.get_running_loop()
        stop = read_in_thread(stream, loop, queue)
        next_event = asyncio.create_task(queue.get())
        last_answer = loop.time()
        look_at = loop.time() if self._last_event_ns is None else loop.time() + MAX_DELAY_S
        all_machines = PendingChange(MachineChange(None), False, look_at, look_at)
        pending: dict[UUID | None, PendingChange] = {None: all_machines}
        try:
            while True:
                wait_s = min([PING_INTERVAL_S, *(change.due - loop.time() for change in pending.values())])
                await asyncio.wait({next_event}, timeout=max(0.0, wait_s))
                if next_event.done():
                    event, last_answer = next_event.result(), loop.time()
                    if event is None:
                        raise Unavailable("docker", "the Docker engine does not answer")
                    if (id := self._take(event, pending, loop.time())) is not None:
                        yield MachineChange(id, is_over=False)
                    next_event = asyncio.create_task(queue.get())
                elif loop.time() - last_answer >= PING_INTERVAL_S:
                    await self._engine(lambda api: api.ping())
                    last_answer = loop.time()
                due = [id for id, change in pending.items() if change.due <= loop.time()]
                for id in due:
                    yield pending.pop(id).change
        finally:
            next_event.cancel()
            stop()

    def _open(self, api: APIClient, since: int | None) -> Any:
        seconds = None if since is None else f"{since // NS_PER_S}.{since % NS_PER_S:09}"
        filters = {"type": ["container"], "event": ACTIONS} | self._containers.filters()
        return api.events(since=seconds, decode=True, filters=filters)

    def _take(self, event: dict[str, Any], all_pending: dict[UUID | None, PendingChange], now: float) -> UUID | None:
        """Add an event to the change of its workspace. Returns the workspace if it is the first event of a change."""
        self._last_event_ns = int(event.get("timeNano") or 0) or self._last_event_ns
        attributes = event.get("Actor", {}).get("Attributes") or {}
        try:
            id = UUID(attributes[WORKSPACE_LABEL])
        except (KeyError, ValueError):
            return None
        name, former_name = attributes.get("name"), str(attributes.get("oldName", "")).lstrip("/")
        if attributes.get(REGION_LABEL, LOCAL) != self._containers.region or name_of(id) not in (name, former_name):
            return None
        is_first = id not in all_pending
        pending = all_pending.get(id) or PendingChange(MachineChange(id), False, now, now + MAX_DELAY_S)
        pending = replace(pending, due=min(now + QUIET_S, pending.due_at_last))
        match event.get("Action"):
            case "kill":
                self._killed_at[id] = now
            case "oom":
                pending = replace(pending, out_of_memory=True)
            case "die":
                was_killed = now - self._killed_at.pop(id, -KILL_MEMORY_S) < KILL_MEMORY_S
                end = end_of(int(attributes.get("exitCode", 0)), pending.out_of_memory, was_killed)
                pending = replace(pending, change=replace(pending.change, end=end))
            case "destroy":
                absence = "its machine was removed on the engine, not by Tenure"
                pending = replace(pending, change=replace(pending.change, absence=absence))
            case "rename":
                new_name = None if name == name_of(id) else renamed(id, str(name))
                pending = replace(pending, change=replace(pending.change, absence=new_name))
        all_pending[id] = pending
        return id if is_first else None


def renamed(id: UUID, name: str) -> str:
    return f"its machine was renamed to {name} on the engine; rename it to {name_of(id)} to have it back"


def read_in_thread(
    stream: Any, loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[dict[str, Any] | None]
) -> Callable[[], None]:
    """Put the stream's events into the queue, and None at its end. Returns a call that ends the stream.

    A thread of its own, since it waits for as long as nothing happens: the engine's threads are for other calls.
    """

    def put(event: dict[str, Any] | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(queue.put_nowait, event)

    def read() -> None:
        try:
            for event in stream:
                put(event)
        except STREAM_ERRORS:
            pass  # an engine that has gone away ends its stream in many ways
        put(None)

    def stop() -> None:
        # Streams over SSH cannot be ended from here: theirs end with the engine, or with this process.
        with contextlib.suppress(*STREAM_ERRORS, AttributeError):
            stream.close()

    threading.Thread(target=read, name="docker-events", daemon=True).start()
    return stop
