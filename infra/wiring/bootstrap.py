"""Putting Tenure together from its settings, and keeping its background half going."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import AsyncConnectionPool

from application.api_keys import ApiKeys
from application.claims import Claims
from application.invites import Invites
from application.logins import Logins
from application.machine_configs import MachineConfigs
from application.orphans import Orphans
from application.platform import Platform
from application.ports.hypervisors import Hypervisor
from application.ports.machines import Machines
from application.ports.regions import Region
from application.regions import Regions
from application.registrations import Registering
from application.sessions import Sessions
from application.users import Users
from application.workspaces import Workspaces
from infra.auth.attempt_limiter import PerMinuteAttemptLimiter
from infra.auth.jwt import Tokens
from infra.auth.oauth import providers
from infra.auth.rate_limiter import PerHourRateLimiter
from infra.docker.regions import RegionEngines
from infra.eventlog.event_store import GroupWriter, open_platform
from infra.eventlog.follower import Follower
from infra.eventlog.last_event import PostgresLastEventReader
from infra.eventlog.notifications import Signals
from infra.eventlog.push_local import LocalPush
from infra.eventlog.push_redis import RedisPush
from infra.eventlog.worker import Worker
from infra.monitoring.health import STARTED_LATE, Watching
from infra.postgres import database
from infra.reconcile.idle_sessions import Idling
from infra.reconcile.sweep import Sweep
from infra.runtime.home import CannotStart
from infra.runtime.loop_thread import apart, here
from infra.runtime.tasks import end
from infra.settings import Settings
from infra.tables.accounts import Accounts
from infra.tables.api_keys import ApiKeyRows
from infra.tables.invite_tokens import InviteTokens
from infra.tables.logins import Cookies
from infra.tables.presence import PresenceRows
from infra.tables.seal import Seal
from infra.tables.sign_ins import PendingSignInRows
from infra.tables.signing_keys import SigningKeys
from infra.tables.snowflakes import Snowflakes
from infra.tmux.hosts import LocalTmuxHost
from infra.tmux.observer import SessionObserver
from infra.tmux.region_hosts import RegionTmuxHosts
from infra.tmux.running_workspaces import RunningWorkspaces
from infra.tmux.terminals import TmuxTerminals
from infra.tmux.watch import TmuxWatch
from infra.tmux.watch_pool import TerminalEngine, TmuxWatchPool
from infra.wiring import schema
from infra.wiring import workshops as classroom
from infra.wiring.engines import choose, displays_of, files_of, region_opener, templates
from infra.wiring.hosted_sessions import hosting, ssh_grants
from infra.wiring.vm_accounts import people
from infra.wiring.vms import virtual_machines
from infra.wiring.work_commands import work_commands
from interfaces.chrote.deps import ChroteDeps
from interfaces.clarateach.deps import ClaraTeachDeps
from interfaces.http.app import ContractDeps
from interfaces.http.deps import HttpDeps
from interfaces.http.identity import SCHEME
from interfaces.native.deps import NativeDeps
from interfaces.neptuned.deps import NeptunedDeps
from interfaces.vm_api.deps import VmApiDeps
from interfaces.warpdrive.deps import WarpdriveDeps
from projections.hub import Hub
from projections.query import Queries

log = logging.getLogger(__name__)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
DATABASE_PATIENCE = 30.0  # seconds, at the start
GRACE = 0.05  # seconds that a push may take before it is looked up instead
LOG_LANE = 32  # what is due in the log and done at once; group commit makes it cheap


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Tenure:
    """A running one."""

    settings: Settings
    deps: ContractDeps
    hub: Hub
    machines: Machines  # of the local region
    engines: RegionEngines
    pool: AsyncConnectionPool[Any]
    sweep: Sweep
    idling: Idling
    refolded: bool  # the read models were made anew at this start


@asynccontextmanager
async def running(
    settings: Settings,
    url: str,
    given: Machines | None = None,
    elsewhere: Callable[[Region], Machines] | None = None,
    hypervisor: Hypervisor | None = None,
    reconciles: bool = True,
) -> AsyncIterator[Tenure]:
    """Tenure at work on a database until the block is left.

    `given` and `hypervisor` stand in for the ones of the settings, and what `elsewhere` opens for the engines of other
    regions. Without `reconciles`, `sweep` and `idling` do nothing until the caller runs their `once`.

    Raises `CannotStart`. A background task that fails takes all of it down, loudly.
    """
    platform, installation, refolded = await open_database(url)
    pool = database.create_pool(url)
    machines, engines = given, None
    await pool.open()
    try:
        machines = given or await choose(settings, installation)
        signals = Signals(url)
        queries = Queries(pool, signals.followed)
        hub = Hub(queries, settings.reader_queue, settings.replay_limit)
        made = await templates(settings, machines)
        configs = MachineConfigs(platform, now, settings.fixed_configs, made[settings.default_template])
        regions = Regions(platform, now, settings.fixed_regions)
        engines = RegionEngines(machines, regions, elsewhere or region_opener(settings, installation))
        grants = ssh_grants(platform, now, pool)
        kept = classroom.rows(settings, pool)
        workspaces = Workspaces(
            platform=platform,
            clock=now,
            ids=uuid4,
            engines=engines,
            regions=regions,
            configs=configs,
            templates=made,
            default_template=settings.default_template,
            max_term=timedelta(seconds=settings.max_ttl_seconds),
            grants=grants,
            seats=classroom.seat_machines(platform, now, kept),
        )
        workshops = classroom.workshops(settings, platform, now, engines, kept)
        accounts, numbers = Accounts(pool, uuid4), Snowflakes(pool, now)
        users = Users(platform, now, accounts)
        attempt_limiter = PerMinuteAttemptLimiter(settings.redis_url, settings.guesses_per_minute)
        invites = Invites(platform, now, uuid4, InviteTokens(pool), attempt_limiter)
        logins = Logins(platform, now, accounts, Cookies(pool), invites, settings.open_signup, numbers)
        tmux_hosts = RegionTmuxHosts(engines, machines if isinstance(machines, TerminalEngine) else None)
        own_host = TmuxWatch(LocalTmuxHost(str(settings.tmux)))
        watch_pool = TmuxWatchPool(own_host, tmux_hosts if settings.workspace_terminals else None)
        terminals = TmuxTerminals(watch_pool, now)
        presence = PresenceRows(url, pool)
        claims = Claims(platform, now, timedelta(seconds=settings.claim_seconds))
        api_keys = ApiKeys(
            platform, now, uuid4, ApiKeyRows(pool), attempt_limiter, accounts, SCHEME, frozenset(settings.auditors)
        )
        tokens = Tokens(signing_keys(pool, settings), now, timedelta(seconds=settings.token_seconds))
        vm_people = people(settings, pool, platform, now, numbers, accounts, tokens, attempt_limiter)
        await vm_people.start()
        vms = virtual_machines(settings, installation, platform, now, pool, hypervisor)
        hosted_sessions, guests = hosting(settings, workspaces, engines, attempt_limiter, uuid4)
        push = RedisPush(settings.redis_url, hub) if settings.redis_url else LocalPush(hub)
        watching = Watching(pool, hub, engines, now)
        instructors = classroom.instructors(pool, platform, now, logins, attempt_limiter)
        seats = classroom.seats(settings, platform, now, kept, tokens, attempt_limiter)
        hosts = frozenset({*LOOPBACK_NAMES, urlsplit(settings.url).hostname or "localhost"})
        deps = ContractDeps(
            http=HttpDeps(
                queries=queries,
                platform=platform,
                people=accounts,
                profiles=accounts,
                logins=logins,
                instructors=instructors,
                api_keys=api_keys,
                tokens=tokens,
                ids=uuid4,
                version=version("tenure"),
                url=settings.url,
                hosts=hosts,
                origins=frozenset({settings.origin, *settings.cors_origins}),
                cors_origins=tuple(settings.cors_origins),
                trusted_proxies=settings.trusted_proxies,
                dev_header=settings.accepts_dev_header,
                auditors=frozenset(settings.auditors),
                keepalive_seconds=settings.keepalive_seconds,
                max_body_bytes=settings.max_body_bytes,
                max_file_bytes=settings.max_file_bytes,
            ),
            vm_api=VmApiDeps(queries=queries, clock=now, workspaces=workspaces),
            chrote=ChroteDeps(
                queries=queries,
                hub=hub,
                clock=now,
                profiles=accounts,
                users=users,
                invites=invites,
                logins=logins,
                instructors=instructors,
                providers=providers(settings),
                pending_sign_ins=PendingSignInRows(pool),
                claims=claims,
                terminals=terminals,
                presence=presence,
                url=settings.url,
                hosts=hosts,
                dev_login=settings.dev_login,
                heartbeat_seconds=settings.heartbeat_seconds,
            ),
            warpdrive=WarpdriveDeps(
                queries=queries,
                hub=hub,
                clock=now,
                platform=platform,
                hosted_sessions=hosted_sessions,
                guests=guests,
                join_requests=guests.requests,
                waiting_room=guests.room,
                api_keys=api_keys,
                api_key_rows=api_keys.rows,
                tokens=tokens,
                region_header=settings.region_header,
            ),
            clarateach=ClaraTeachDeps(
                queries=queries,
                hub=hub,
                people=accounts,
                profiles=accounts,
                instructors=instructors,
                workshops=workshops,
                seats=seats,
                seat_tokens=seats.tokens,
                registering=Registering(platform, seats, kept.registrations),
                learners=kept.learners,
                terminals=terminals,
                presence=presence,
                files=files_of(machines),
                displays=displays_of(machines),
                rate_limiter=PerHourRateLimiter(settings.redis_url),
                rate_limits=settings.rate_limits,
                url=settings.url,
                hosts=hosts,
                portal_is_open=classroom.portal_is_open(settings),
            ),
            neptuned=NeptunedDeps(
                queries=queries,
                hub=hub,
                clock=now,
                vm_accounts=vm_people.accounts,
                vm_account_rows=vm_people.accounts.rows,
                vm_administration=vm_people.administration,
                vm_servers=vm_people.servers,
                vm_configs=vms.configs,
                vm_tokens=vm_people.accounts.tokens,
                consoles=vms.consoles,
                turns=vms.turns,
                images=vms.images,
                attempt_limiter=attempt_limiter,
            ),
            native=NativeDeps(
                queries=queries,
                hub=hub,
                clock=now,
                platform=platform,
                people=accounts,
                machine_configs=configs,
                regions=regions,
                api_keys=api_keys,
                api_key_rows=api_keys.rows,
                tokens=tokens,
                health_checks=watching.parts(engine=settings.role != "api"),
                update_gauges=watching.measure,
                version=version("tenure"),
            ),
        )
        sweep = Sweep(pool, queries, engines, regions, workspaces, workshops)
        empty = timedelta(seconds=settings.session_idle_seconds)
        idling = Idling(pool, queries, engines, presence, hosted_sessions, now, empty)
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(signals.run()), tasks.create_task(push.run())]
            grace = GRACE if settings.redis_url or settings.role != "api" else 0.0
            background.append(tasks.create_task(hub.keep_up(signals.followed, grace)))
            background += [tasks.create_task(part.run()) for part in (watch_pool, presence, tokens)]
            if settings.role != "api":
                running_workspaces = RunningWorkspaces(hub, queries, watch_pool, machines.provider)
                observer = SessionObserver(url, watch_pool, running_workspaces, queries, Sessions(platform, now))
                background.append(tasks.create_task(observer.run()))
                worker = Worker(
                    pool=pool,
                    commands=work_commands(
                        workspaces=workspaces,
                        orphans=Orphans(platform, now, engines),
                        users=users,
                        invites=invites,
                        claims=claims,
                        api_keys=api_keys,
                        vm_accounts=vm_people.accounts,
                        vm_machines=vms.configs.machines,
                        workshops=workshops,
                        hosted_sessions=hosted_sessions,
                        guests=guests,
                    ),
                    lanes={"engine": settings.provision_concurrency, "log": LOG_LANE},
                    signals=signals,
                    clock=now,
                    on_start=lambda command, delay_s: STARTED_LATE.labels(command).observe(delay_s),
                )
                follower = Follower(url, platform, signals, here(push.publish))
                background.append(tasks.create_task(vms.observer(url, queries).run()))
                background += [tasks.create_task(part) for part in (apart(follower.run), worker.run())]
                if reconciles:
                    background.append(tasks.create_task(sweep.run(settings.sweep_seconds)))
                    background.append(tasks.create_task(idling.run()))
            try:
                yield Tenure(settings, deps, hub, machines, engines, pool, sweep, idling, refolded)
            finally:
                await terminals.close()
                await end(background)
                await vms.close()
    finally:
        await pool.close()
        if isinstance(platform.last_event_reader, PostgresLastEventReader):
            await platform.last_event_reader.close()
        await asyncio.to_thread(close, platform)
        if engines:
            engines.close()
        if machines and not given:
            machines.close()


def signing_keys(pool: AsyncConnectionPool[Any], settings: Settings) -> SigningKeys:
    secret = settings.sealing_secret.get_secret_value() if settings.sealing_secret else None
    return SigningKeys(pool, now, Seal(secret), timedelta(seconds=settings.signing_key_seconds))


async def open_database(url: str) -> tuple[Platform, UUID, bool]:
    """The application on its database, with a schema that fits. One process at a time makes it fit."""
    conn = await patiently_connected(url)
    try:
        await conn.execute("select pg_advisory_lock(%s)", (schema.SCHEMA_LOCK,))
        platform = await asyncio.to_thread(open_platform, url)
        refolded = await schema.migrate(conn, platform)
        return platform, await schema.installation(conn), refolded
    finally:
        await conn.close()


async def patiently_connected(url: str) -> psycopg.AsyncConnection[Any]:
    deadline = asyncio.get_running_loop().time() + DATABASE_PATIENCE
    while True:
        try:
            return await database.connect(url)
        except psycopg.OperationalError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise CannotStart(f"The database does not answer: {str(error).strip()}") from error
            log.warning("waiting for the database", extra={"because": str(error).strip()})
        await asyncio.sleep(1)


def close(platform: Platform) -> None:
    if isinstance(platform.writer, GroupWriter):
        platform.writer.close()
    platform.close()
