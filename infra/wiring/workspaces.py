"""Workspaces, the templates and configurations they are made from, and the sweep that compares them with engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

from application.engine_reports import EngineReports
from application.machine_configs import MachineConfigs
from application.orphans import Orphans
from application.workspaces import Workspaces
from infra.reconcile.engine_observer import EngineObserver
from infra.reconcile.sweep import Sweep
from infra.wiring.engines import EngineServices
from infra.wiring.foundation import BackgroundTask, Foundation, orphan_reports
from infra.wiring.ssh_grants import SshGrantServices
from infra.wiring.templates import EngineTemplates
from infra.wiring.vms import VmServices
from infra.wiring.workshops import WorkshopServices


@dataclass(frozen=True)
class WorkspaceServices:
    workspaces: Workspaces
    machine_configs: MachineConfigs
    orphans: Orphans
    sweep: Sweep
    background: Mapping[str, BackgroundTask]


def build_workspaces(
    base: Foundation, engines: EngineServices, ssh: SshGrantServices, workshops: WorkshopServices, vms: VmServices
) -> WorkspaceServices:
    settings, platform, clock = base.settings, base.platform, base.clock
    templates = EngineTemplates(settings, engines.local)
    configs = MachineConfigs(platform, clock, settings.fixed_configs, templates)
    workspaces = Workspaces(
        platform=platform,
        clock=clock,
        ids=uuid4,
        engines=engines.by_region,
        regions=engines.regions,
        configs=configs,
        templates=templates,
        default_template=settings.default_template,
        max_term=timedelta(seconds=settings.max_ttl_seconds),
        warning_lead=timedelta(seconds=settings.warn_seconds),
        provision_patience=timedelta(seconds=settings.provision_patience),
        grants=ssh.grants,
        seats=workshops.seat_machines,
        quotas=base.quotas,
        orphans=orphan_reports(base),
    )
    orphans = Orphans(platform, clock, engines.by_region, vms.hypervisor)
    sweep = Sweep(
        base.database_url, base.queries, engines.by_region, engines.regions, workspaces, workshops.workshops, orphans
    )
    observer = EngineObserver(base.database_url, sweep, EngineReports(platform, clock))
    background: dict[str, BackgroundTask] = {}
    if base.reconciles:
        background = {"sweep": partial(sweep.run, settings.sweep_seconds), "engine observer": observer.run}
    return WorkspaceServices(workspaces, configs, orphans, sweep, background)
