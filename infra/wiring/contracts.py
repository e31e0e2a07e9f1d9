"""The dependencies of each contract, out of what the builders made."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from application.parked_work import ParkedWork
from infra.docker.bridges import own_networks
from infra.monitoring.health import HealthMonitor
from infra.runtime.home import CannotStart
from infra.settings import Settings
from infra.wiring.api_keys import ApiKeyServices
from infra.wiring.engines import EngineServices
from infra.wiring.foundation import Foundation
from infra.wiring.hosted_sessions import HostedSessionServices
from infra.wiring.people import PeopleServices
from infra.wiring.terminals import TerminalServices
from infra.wiring.vm_accounts import VmAccountServices
from infra.wiring.vms import VmServices
from infra.wiring.workshops import WorkshopServices, portal_is_open
from infra.wiring.workspaces import WorkspaceServices
from interfaces.app import CONTRACTS, ContractDeps
from interfaces.chrote.deps import ChroteDeps
from interfaces.chrote.shared_frames import SharedFrames
from interfaces.clarateach.deps import ClaraTeachDeps
from interfaces.http.deps import HttpDeps
from interfaces.http.identity import identity_headers
from interfaces.native.deps import NativeDeps
from interfaces.neptuned.deps import NeptunedDeps
from interfaces.vm_api.deps import VmApiDeps
from interfaces.warpdrive.deps import WarpdriveDeps


def build_contracts(
    base: Foundation,
    *,
    engines: EngineServices,
    people: PeopleServices,
    keys: ApiKeyServices,
    workspaces: WorkspaceServices,
    terminals: TerminalServices,
    hosted_sessions: HostedSessionServices,
    workshops: WorkshopServices,
    vm_accounts: VmAccountServices,
    vms: VmServices,
    parked_work: ParkedWork,
    health: HealthMonitor,
) -> ContractDeps:
    return ContractDeps(
        http=http_deps(base, people, keys),
        vm_api=VmApiDeps(queries=base.queries, clock=base.clock, workspaces=workspaces.workspaces),
        chrote=chrote_deps(base, people, terminals),
        warpdrive=warpdrive_deps(base, keys, hosted_sessions),
        clarateach=clarateach_deps(base, engines, people, terminals, workshops),
        neptuned=neptuned_deps(base, vm_accounts, vms),
        native=native_deps(base, engines, people, keys, workspaces, parked_work, health),
    )


def check_path(settings: Settings) -> None:
    """Raise `CannotStart` for a public URL whose path cannot be told from an address of Tenure's own."""
    routes: list[Any] = [route for contract in CONTRACTS for router in contract.routers for route in router.routes]
    own = {"docs", "redoc", "openapi.json", *(route.path.split("/")[1] for route in routes)} - {""}
    first = urlsplit(settings.url).path.strip("/").split("/")[0]
    if first in own:
        raise CannotStart(
            f"TENURE_PUBLIC_URL must not have a path that begins with /{first}, since Tenure has addresses there. "
            "Choose another path."
        )


def http_deps(base: Foundation, people: PeopleServices, keys: ApiKeyServices) -> HttpDeps:
    settings = base.settings
    check_path(settings)
    return HttpDeps(
        queries=base.queries,
        platform=base.platform,
        people=people.accounts,
        profiles=people.accounts,
        logins=people.logins,
        instructors=people.instructors,
        api_keys=keys.api_keys,
        tokens=keys.tokens,
        access_changes=base.access_changes,
        clock=base.clock,
        ids=uuid4,
        version=version("tenure"),
        url=settings.url,
        hosts=settings.host_names,
        cors_origins=tuple(settings.cors_origins),
        local_and_private=settings.is_local_and_private,
        quotas=base.quotas,
        trusted_proxies=settings.trusted_proxies,
        own_networks=own_networks,
        identity_headers=identity_headers(settings.identity_header),
        dev_header=settings.dev_header,
        auditors=frozenset(settings.auditors),
        keepalive_seconds=settings.keepalive_seconds,
        max_body_bytes=settings.max_body_bytes,
        max_file_bytes=settings.max_file_bytes,
    )


def chrote_deps(base: Foundation, people: PeopleServices, terminals: TerminalServices) -> ChroteDeps:
    settings = base.settings
    return ChroteDeps(
        queries=base.queries,
        hub=base.hub,
        clock=base.clock,
        profiles=people.accounts,
        users=people.users,
        invites=people.invites,
        logins=people.logins,
        instructors=people.instructors,
        providers=people.providers,
        pending_sign_ins=people.pending_sign_ins,
        claims=terminals.claims,
        terminals=terminals.terminals,
        terminal_input=terminals.terminal_input,
        presence=terminals.presence,
        shared_frames=SharedFrames(),
        url=settings.url,
        heartbeat_seconds=settings.heartbeat_seconds,
    )


def warpdrive_deps(base: Foundation, keys: ApiKeyServices, hosted_sessions: HostedSessionServices) -> WarpdriveDeps:
    return WarpdriveDeps(
        queries=base.queries,
        hub=base.hub,
        clock=base.clock,
        platform=base.platform,
        hosted_sessions=hosted_sessions.hosted_sessions,
        guests=hosted_sessions.guests,
        join_requests=hosted_sessions.join_requests,
        waiting_room=hosted_sessions.waiting_room,
        api_keys=keys.api_keys,
        api_key_rows=keys.rows,
        tokens=keys.tokens,
        region_header=base.settings.region_header,
    )


def clarateach_deps(
    base: Foundation,
    engines: EngineServices,
    people: PeopleServices,
    terminals: TerminalServices,
    workshops: WorkshopServices,
) -> ClaraTeachDeps:
    settings = base.settings
    return ClaraTeachDeps(
        queries=base.queries,
        hub=base.hub,
        people=people.accounts,
        profiles=people.accounts,
        instructors=people.instructors,
        workshops=workshops.workshops,
        seats=workshops.seats,
        seat_tokens=workshops.seat_tokens,
        registering=workshops.registering,
        learners=workshops.learners,
        terminals=terminals.terminals,
        presence=terminals.presence,
        files=engines.files,
        displays=engines.displays,
        rate_limiter=workshops.rate_limiter,
        rate_limits=settings.rate_limits,
        url=settings.url,
        portal_is_open=portal_is_open(settings),
    )


def neptuned_deps(base: Foundation, vm_accounts: VmAccountServices, vms: VmServices) -> NeptunedDeps:
    return NeptunedDeps(
        queries=base.queries,
        hub=base.hub,
        clock=base.clock,
        vm_accounts=vm_accounts.accounts,
        vm_account_rows=vm_accounts.rows,
        vm_administration=vm_accounts.administration,
        vm_servers=vm_accounts.servers,
        vm_configs=vms.configs,
        vm_tokens=vm_accounts.tokens,
        consoles=vms.consoles,
        console_rooms=vms.console_rooms,
        images=vms.images,
    )


def native_deps(
    base: Foundation,
    engines: EngineServices,
    people: PeopleServices,
    keys: ApiKeyServices,
    workspaces: WorkspaceServices,
    parked_work: ParkedWork,
    health: HealthMonitor,
) -> NativeDeps:
    return NativeDeps(
        queries=base.queries,
        hub=base.hub,
        clock=base.clock,
        platform=base.platform,
        people=people.accounts,
        machine_configs=workspaces.machine_configs,
        regions=engines.regions,
        parked_work=parked_work,
        orphans=workspaces.orphans,
        api_keys=keys.api_keys,
        api_key_rows=keys.rows,
        tokens=keys.tokens,
        quotas=base.quotas,
        health_checks=health.checks(with_engines=base.works),
        update_gauges=health.update_gauges,
        is_private=base.settings.is_local_and_private,
        version=version("tenure"),
        metrics_networks=base.settings.metrics_networks,
        metrics_token=token.get_secret_value() if (token := base.settings.metrics_token) else None,
    )
