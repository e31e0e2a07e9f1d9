"""Workspaces, the templates and configurations they are made from, and the sweep that compares them with engines."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

from application.machine_configs import MachineConfigs
from application.orphans import Orphans
from application.ports.errors import Unavailable
from application.ports.machines import Machines, Template
from application.workspaces import Workspaces
from infra.reconcile.sweep import Sweep
from infra.settings import Settings
from infra.wiring.engines import EngineServices
from infra.wiring.foundation import BackgroundTask, Foundation
from infra.wiring.ssh_grants import SshGrantServices
from infra.wiring.workshops import WorkshopServices

OWN_IMAGE = "tenure-workspace:latest"  # as infra/images/workspace.sh builds it


@dataclass(frozen=True)
class WorkspaceServices:
    workspaces: Workspaces
    machine_configs: MachineConfigs
    orphans: Orphans
    sweep: Sweep
    background: Mapping[str, BackgroundTask]


async def build_workspaces(
    base: Foundation, engines: EngineServices, ssh: SshGrantServices, workshops: WorkshopServices
) -> WorkspaceServices:
    settings, platform, clock = base.settings, base.platform, base.clock
    templates = await available_templates(settings, engines.local)
    configs = MachineConfigs(platform, clock, settings.fixed_configs, templates[settings.default_template])
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
    )
    orphans = Orphans(platform, clock, engines.by_region)
    sweep = Sweep(base.database_url, base.queries, engines.by_region, engines.regions, workspaces, workshops.workshops)
    background = {"sweep": partial(sweep.run, settings.sweep_seconds)} if base.reconciles else {}
    return WorkspaceServices(workspaces, configs, orphans, sweep, background)


async def available_templates(settings: Settings, machines: Machines) -> dict[str, Template]:
    """Return the templates by name. Where no image is set and Tenure's own has been built, all of them use that."""
    if settings.workspace_image is None and machines.provider == "docker":
        with suppress(Unavailable):
            if await machines.has(OWN_IMAGE):
                return settings.model_copy(update={"workspace_image": OWN_IMAGE}).all_templates
    return settings.all_templates
