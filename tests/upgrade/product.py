"""Everything that these tests and the maker of dumps take from inside the product: it is imported nowhere else here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import eventsourcing.domain
import jwt.api_jwt
import psycopg

from application.access import Actor, Cause
from application.ports.hosted_sessions import JoinRequest
from application.ports.terminals import SeenSession
from application.sessions import Sessions
from domain.aggregate import Aggregate
from infra.auth.codes import RandomLabels
from infra.postgres import embedded
from infra.tables import hosted_use
from infra.wiring import bootstrap
from infra.wiring import hosted_sessions as hosting
from infra.wiring.database import open_database
from interfaces.http.identity import SCHEME
from tests.support.fake_engine import Engine
from tests.support.fake_hypervisor import FakeHypervisor
from tests.support.server import Served, served

__all__ = [
    "ELSEWHERE",
    "Clock",
    "Engine",
    "FakeHypervisor",
    "Inside",
    "JoinRequest",
    "Served",
    "Words",
    "aggregates",
    "at_a_time",
    "chosen_words",
    "environments",
    "golden_states",
    "postgres",
    "served",
    "standing_by",
]

GOLDEN = Path(__file__).parents[1] / "domain" / "golden.jsonl"
# Advisory locks of the jobs that compare the log with the world: tmux, engines, idle sessions, hypervisor. Whoever
# holds them is another replica, and the one under test then leaves these jobs alone.
ELSEWHERE = (7_310, 7_304, 7_312, 7_313)


def golden_states() -> dict[str, list[dict[str, Any]]]:
    """By topic, every event that is kept as it was stored once; several where what it tells has changed since."""
    states: dict[str, list[dict[str, Any]]] = {}
    for line in map(json.loads, GOLDEN.read_text().splitlines()):
        states.setdefault(line["topic"], []).append(line["state"])
    return states


def environments(engine: Any) -> list[dict[str, str]]:
    """Of the machines that were made on an engine in memory."""
    return list(engine.told.values())


class Clock:
    """Stands still until it is set forward."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class LikeDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


@contextmanager
def at_a_time(clock: Clock) -> Iterator[None]:
    """Let this clock be the product's, the one that tokens are verified by, and the one of events' envelopes."""

    class Frozen(datetime, metaclass=LikeDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock().astimezone(tz)

    with (
        patch.object(bootstrap, "utc_now", clock),
        patch.object(jwt.api_jwt, "datetime", Frozen),
        patch.object(eventsourcing.domain, "datetime_now_with_tzinfo", clock),
    ):
        yield


@dataclass
class Words:
    """The next ones; when they are used up, chance chooses again."""

    aliases: list[str] = field(default_factory=list)  # of sessions
    codes: list[str] = field(default_factory=list)  # of workshops, and of who registers for them


@contextmanager
def chosen_words() -> Iterator[Words]:
    """Words for a server that is started in this block."""
    words, by_chance, code = Words(), hosting.random_alias, RandomLabels.new_code
    with (
        patch.object(hosting, "random_alias", lambda: words.aliases.pop(0) if words.aliases else by_chance()),
        patch.object(RandomLabels, "new_code", lambda self: words.codes.pop(0) if words.codes else code(self)),
    ):
        yield words


@contextmanager
def postgres(home: Path) -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    yield embedded.start(home)
    embedded.stop(home)


@asynccontextmanager
async def standing_by(database: str) -> AsyncIterator[None]:
    """Let another replica have the jobs that compare the log with the world. Who starts now only follows the log."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        for job in ELSEWHERE:
            await conn.execute("select pg_advisory_lock(%s)", (job,))
        yield


@dataclass(frozen=True)
class Inside:
    """What is asked of a server that runs in this process by another way than HTTP."""

    server: Served
    clock: Clock

    async def user_id(self, name: str) -> UUID:
        """Of somebody who comes with an identity header."""
        found: UUID = await self.server.tenure.deps.http.people.identify(SCHEME, name)
        return found

    async def actor(self, name: str) -> Actor:
        return Actor(await self.user_id(name), name, f"of-{name}")

    async def request_workspace(self, actor: Actor, **asked: str) -> UUID:
        workspaces = self.server.tenure.deps.vm_api.workspaces
        return (await workspaces.request(actor, ttl_seconds=None, **asked)).id  # type: ignore[arg-type]

    async def sweep(self, id: UUID) -> None:
        """Compare one machine with the log."""
        await self.server.tenure.deps.vm_api.workspaces.reconcile(id, Cause(request_id="sweep"))

    async def tmux_shows(
        self, host: str, tmux_id: str, name: str, windows: int, created_at: datetime, owner_id: UUID | None
    ) -> UUID:
        """A tmux session is there, like this. Returns its id."""
        seen = SeenSession(host, 4711, tmux_id, name, windows, created_at, owner_id)
        return await self._sessions.record(seen, Cause(request_id="tmux"))

    async def tmux_lacks(self, id: UUID) -> None:
        await self._sessions.close(id, Cause(request_id="tmux"))

    @property
    def _sessions(self) -> Sessions:
        return Sessions(self.server.tenure.deps.http.platform, self.clock)

    async def ask_to_join(self, actor: Actor, alias: str, pub_key: str, vm_user: str) -> JoinRequest:
        guests = self.server.tenure.deps.warpdrive.guests
        return await guests.ask(actor, alias, pub_key=pub_key, user=vm_user, client_ip="192.0.2.9", region="eu")

    async def withdraw(self, request: JoinRequest) -> None:
        guests = self.server.tenure.deps.warpdrive.guests
        await guests.withdraw(request.joiner_id, request.guest_id, Cause(request_id="hung-up"))

    async def vm_id(self, vm: str) -> UUID:
        return await self.server.tenure.deps.neptuned.vm_configs.id_of(vm)

    async def opens_vm(self, vm: str, password: str) -> bool:
        return await self.server.tenure.deps.neptuned.vm_configs.check_password(await self.vm_id(vm), password)

    async def begin_sign_in(self, provider: str) -> None:
        await self.server.tenure.deps.chrote.pending_sign_ins.begin(provider, None, self.clock())

    async def mark_used(self, session_id: UUID) -> None:
        """Somebody uses a hosted session."""
        async with self.server.tenure.pool.connection() as conn:
            await hosted_use.record(conn, session_id, self.clock(), True)

    @asynccontextmanager
    async def looking_on(self, session_id: UUID, user_id: UUID) -> AsyncIterator[None]:
        """Somebody looks at a terminal, for as long as the block."""
        async with self.server.tenure.deps.chrote.presence.track(session_id, user_id):
            yield


async def aggregates(database: str, ids: list[UUID]) -> dict[str, tuple[str, dict[str, Any]]]:
    """By id, the class of each aggregate and its attributes, as they are after all of its events."""
    opened = await open_database(database)
    try:
        found = [await opened.platform.load(Aggregate, id) for id in ids]
        return {str(it.id): (type(it).__name__, vars(it)) for it in found}
    finally:
        await opened.close()
