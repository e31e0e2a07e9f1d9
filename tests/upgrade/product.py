"""What these tests and the dump maker import from the product. No other file here imports from it.

When a module, a method or a lock of the product is renamed, only this file changes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import eventsourcing.domain
import jwt.api_jwt
import psycopg
from eventsourcing.utils import resolve_topic

from application.access import Actor, Cause
from application.engine_reports import EngineReports
from application.ports.hosted_sessions import JoinRequest
from application.ports.machines import Machine
from application.ports.terminals import TmuxSession
from application.sessions import Sessions
from domain.aggregate import Aggregate
from infra.auth.aliases import random_alias
from infra.auth.codes import RandomLabels
from infra.postgres import embedded
from infra.tables import hosted_use
from infra.wiring import bootstrap
from infra.wiring import hosted_sessions as hosting
from infra.wiring.database import open_database
from interfaces.http.identity import SCHEME
from projections.query import Queries, QueryResult, Row
from tests.support.fake_engine import Engine
from tests.support.fake_hypervisor import FakeHypervisor
from tests.support.server import Served, served

__all__ = [
    "ApplicationCalls",
    "Clock",
    "Engine",
    "FakeHypervisor",
    "JoinRequest",
    "Served",
    "Words",
    "aggregates",
    "begins_aggregate",
    "environments",
    "fixed_words",
    "frozen_clock",
    "golden_states",
    "hold_reconcile_locks",
    "lists_as_they_are",
    "postgres_server",
    "restore_machines",
    "served",
    "store_machines",
]

GOLDEN = Path(__file__).parents[1] / "domain" / "golden.jsonl"
# Advisory locks of the jobs that compare the log with tmux, the engines, idle sessions and the hypervisor.
RECONCILE_LOCKS = (7_310, 7_304, 7_312, 7_313)


def golden_states() -> dict[str, list[dict[str, Any]]]:
    """By topic, the stored states of each kind of event, oldest shape first."""
    states: dict[str, list[dict[str, Any]]] = {}
    for line in map(json.loads, GOLDEN.read_text().splitlines()):
        states.setdefault(line["topic"], []).append(line["state"])
    return states


class Clock:
    """A clock that stands still until `forward` moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class _DatetimeCheck(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


@contextmanager
def frozen_clock(clock: Clock) -> Iterator[None]:
    """Use this clock in the product, in the verification of tokens, and in the envelopes of events."""

    class FrozenDatetime(datetime, metaclass=_DatetimeCheck):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock().astimezone(tz)

    with (
        patch.object(bootstrap, "utc_now", clock),
        patch.object(jwt.api_jwt, "datetime", FrozenDatetime),
        patch.object(eventsourcing.domain, "datetime_now_with_tzinfo", clock),
    ):
        yield


@dataclass
class Words:
    """The next aliases and codes. When a list is empty, the next word is random."""

    aliases: list[str] = field(default_factory=list)  # of hosted sessions
    codes: list[str] = field(default_factory=list)  # of workshops and of registrations


@contextmanager
def fixed_words() -> Iterator[Words]:
    """Servers that start in this block take their words from the lists."""
    words, random_code = Words(), RandomLabels.new_code
    with (
        patch.object(hosting, "random_alias", lambda: words.aliases.pop(0) if words.aliases else random_alias()),
        patch.object(RandomLabels, "new_code", lambda self: words.codes.pop(0) if words.codes else random_code(self)),
    ):
        yield words


@contextmanager
def lists_as_they_are() -> Iterator[None]:
    """In this block no query waits for the follower. Without one, commands that read a list would be refused."""
    select = Queries.select

    async def select_now(
        queries: Queries, row_type: type[Row], sql: str, args: Sequence[Any] = (), *, wait: bool = False
    ) -> QueryResult[Row]:
        return await select(queries, row_type, sql, args, wait=False)

    with patch.object(Queries, "select", select_now):
        yield


@contextmanager
def postgres_server(home: Path) -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    yield embedded.start(home)
    embedded.stop(home)


@asynccontextmanager
async def hold_reconcile_locks(database: str) -> AsyncIterator[None]:
    """Act as another replica that reconciles, so that a server in this block only follows the log and does due work."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        for lock in RECONCILE_LOCKS:
            await conn.execute("select pg_advisory_lock(%s)", (lock,))
        yield


def environments(engine: Engine) -> list[dict[str, str]]:
    """The environments of the machines that an engine has made."""
    return list(engine.environments.values())


def store_machines(engine: Engine, paris: Engine, hypervisor: FakeHypervisor) -> dict[str, Any]:
    """What exists on each engine and on the hypervisor, for `restore_machines`."""
    return {
        "local": [asdict(machine) for machine in engine.machines.values()],
        "paris": [asdict(machine) for machine in paris.machines.values()],
        "vms": {str(id): document for id, document in hypervisor.on.items()},
    }


def restore_machines(stored: dict[str, Any]) -> tuple[Engine, Engine, FakeHypervisor]:
    engines = Engine(), Engine()
    for engine, region in zip(engines, ("local", "paris"), strict=True):
        for facts in stored[region]:
            id = UUID(facts["workspace_id"])
            engine.machines[id] = Machine(**facts | {"workspace_id": id})
    hypervisor = FakeHypervisor()
    for vm, document in stored["vms"].items():
        hypervisor.switch_on(UUID(vm), document)
    return *engines, hypervisor


@dataclass(frozen=True)
class ApplicationCalls:
    """Calls to a server in this process for what has no HTTP endpoint."""

    server: Served
    clock: Clock

    async def user_id(self, name: str) -> UUID:
        """The id of a user who is named by an identity header."""
        return await self.server.tenure.deps.http.people.identify(SCHEME, name)

    async def actor(self, name: str) -> Actor:
        return Actor(await self.user_id(name), name, f"of-{name}")

    async def request_workspace(self, user: str, name: str, region: str, machine: str) -> UUID:
        workspaces, actor = self.server.tenure.deps.vm_api.workspaces, await self.actor(user)
        return (await workspaces.request(actor, name=name, ttl_seconds=None, region=region, machine=machine)).id

    async def give_ownership(self, user_id: UUID) -> None:
        """Do as `tenure owner set`."""
        await self.server.tenure.deps.chrote.logins.ownership.give(user_id, Cause())

    async def issue_owner_link(self) -> None:
        """Store a link of a start without an owner. Nobody has followed the link."""
        links = self.server.tenure.deps.chrote.logins.ownership.links
        await links.issue(self.clock(), timedelta(days=1))

    async def report_engine(self, region: str, answering: bool) -> None:
        """Report whether an engine answers, as its observer does."""
        reports = EngineReports(self.server.tenure.deps.http.platform, self.clock)
        await reports.answers(region, Engine.provider, answering, Cause(request_id="engine"))

    async def reconcile(self, id: UUID) -> None:
        """Compare one machine of the local region with the log."""
        await self.server.tenure.deps.vm_api.workspaces.reconcile(id, Cause(request_id="sweep"))

    async def record_tmux_session(
        self, host: str, tmux_id: str, name: str, windows: int, created_at: datetime, **ids: UUID | None
    ) -> UUID:
        """Report a tmux session as the observer does; `ids` are those of its owner and its lead. Returns its id."""
        owner_id, lead_id = ids.get("owner_id"), ids.get("lead_id")
        session = TmuxSession(host, 4711, tmux_id, name, windows, created_at, owner_id, lead_id=lead_id)
        return await self._sessions().record(session, Cause(request_id="tmux"))

    async def close_tmux_session(self, id: UUID) -> None:
        await self._sessions().close(id, Cause(request_id="tmux"))

    def _sessions(self) -> Sessions:
        return Sessions(self.server.tenure.deps.http.platform, self.clock)

    async def ask_to_join(self, user: str, alias: str, pub_key: str, vm_user: str) -> JoinRequest:
        guests, actor = self.server.tenure.deps.warpdrive.guests, await self.actor(user)
        return await guests.ask(actor, alias, pub_key=pub_key, user=vm_user, client_ip="192.0.2.9", region="eu")

    async def withdraw(self, request: JoinRequest) -> None:
        guests = self.server.tenure.deps.warpdrive.guests
        await guests.withdraw(request.joiner_id, request.guest_id, Cause(request_id="hung-up"))

    async def vm_id(self, vm: str) -> UUID:
        return await self.server.tenure.deps.neptuned.vm_configs.id_of(vm)

    async def opens_vm(self, vm: str, password: str) -> bool:
        return await self.server.tenure.deps.neptuned.vm_configs.check_password(await self.vm_id(vm), password, "test")

    async def begin_sign_in(self, provider: str) -> None:
        await self.server.tenure.deps.chrote.pending_sign_ins.begin(provider, None, self.clock())

    async def mark_used(self, session_id: UUID) -> None:
        """Note that a hosted session is used now."""
        async with self.server.tenure.pool.connection() as conn:
            await hosted_use.record(conn, session_id, self.clock(), True)

    @asynccontextmanager
    async def presence(self, session_id: UUID, user_id: UUID) -> AsyncIterator[None]:
        """Keep a user present in a terminal for as long as the block."""
        async with self.server.tenure.deps.chrote.presence.track(session_id, user_id):
            yield


async def aggregates(database: str, ids: list[UUID]) -> dict[str, tuple[str, dict[str, Any]]]:
    """By id, the class name of each aggregate and its attributes under the names that clients know."""
    opened = await open_database(database)
    try:
        loaded = [await opened.platform.load(Aggregate, id) for id in ids]
    finally:
        await opened.close()
    return {str(aggregate.id): (type(aggregate).__name__, attributes(aggregate)) for aggregate in loaded}


def begins_aggregate(topic: str) -> bool:
    """Whether an event of this kind is the first of its aggregate."""
    return issubclass(resolve_topic(topic), Aggregate.Created)


def attributes(aggregate: Aggregate) -> dict[str, Any]:
    return {aggregate.STATE_NAMES.get(name, name): value for name, value in vars(aggregate).items()}
