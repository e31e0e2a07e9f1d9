"""What Tenure's own API depends on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from starlette.requests import HTTPConnection

from application.api_keys import ApiKeys
from application.machine_configs import MachineConfigs
from application.orphans import Orphans
from application.parked_work import ParkedWork
from application.platform import Platform
from application.ports.api_keys import KeyRows, Tokens
from application.ports.clock import Clock
from application.ports.people import People
from application.quotas import QuotaLimits
from application.regions import Regions
from projections.hub import Hub
from projections.query import Queries


@dataclass(frozen=True)
class PartHealth:
    """The health of one part of the system."""

    ok: bool
    needed: bool = field(default=True, kw_only=True)  # else the whole is only degraded without it
    details: dict[str, Any] = field(default_factory=dict)


HealthCheck = Callable[[], Awaitable[PartHealth]]


@dataclass(frozen=True)
class NativeDeps:
    """The queries, commands and ports that the native API's endpoints call."""

    queries: Queries
    hub: Hub
    clock: Clock
    platform: Platform
    people: People
    machine_configs: MachineConfigs
    regions: Regions
    parked_work: ParkedWork
    orphans: Orphans
    api_keys: ApiKeys
    api_key_rows: KeyRows
    tokens: Tokens
    quotas: QuotaLimits
    health_checks: Mapping[str, HealthCheck]  # what readiness asks, by the name of the part
    update_gauges: Callable[[], Awaitable[None]]
    is_private: bool  # whether only this machine can reach the server, so that names in headers are chosen
    version: str
    metrics_networks: tuple[IPv4Network | IPv6Network, ...]  # of clients that may read /metrics
    metrics_token: str | None  # opens /metrics from anywhere else


def native_deps(connection: HTTPConnection) -> NativeDeps:
    """The dependencies, as the application was built with them."""
    deps: NativeDeps = connection.app.state.native
    return deps
