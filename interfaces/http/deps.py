"""What the endpoints are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from starlette.requests import HTTPConnection

from application.api_keys import ApiKeys
from application.claims import Claims
from application.console_turns import Turns
from application.guests import Guests
from application.hosted_sessions import HostedSessions
from application.instructors import Instructors
from application.invites import Invites
from application.logins import Logins
from application.machine_configs import MachineConfigs
from application.platform import Platform
from application.ports.api_keys import Tokens
from application.ports.clock import Clock, Ids
from application.ports.consoles import Consoles
from application.ports.displays import Displays
from application.ports.files import Files
from application.ports.limits import RateLimiter
from application.ports.logins import PendingSignIns, Provider
from application.ports.people import People, Profiles
from application.ports.presence import Presence
from application.ports.terminals import Terminals
from application.ports.vm_images import Images
from application.ports.workshops import Learners
from application.regions import Regions
from application.registrations import Registering
from application.seats import Seats
from application.users import Users
from application.vm_accounts import VmAccounts
from application.vm_administration import VmAdministration
from application.vm_configs import VmConfigs
from application.vm_servers import VmServers
from application.workshops import Workshops
from application.workspaces import Workspaces
from projections.hub import Hub
from projections.query import Reads


@dataclass(frozen=True)
class Part:
    """How one part of the system is."""

    ok: bool
    needed: bool = field(default=True, kw_only=True)  # without it the whole is not ready; else it is degraded
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Deps:
    """What every contract is given."""

    workspaces: Workspaces
    machine_configs: MachineConfigs
    regions: Regions
    workshops: Workshops
    seats: Seats
    registering: Registering
    instructors: Instructors
    learners: Learners
    rate_limiter: RateLimiter
    users: Users
    invites: Invites
    logins: Logins
    claims: Claims
    vm_accounts: VmAccounts
    vm_administration: VmAdministration
    vm_servers: VmServers
    vm_configs: VmConfigs
    consoles: Consoles
    images: Images
    turns: Turns
    hosted_sessions: HostedSessions
    guests: Guests
    api_keys: ApiKeys
    tokens: Tokens
    platform: Platform
    reads: Reads
    hub: Hub
    people: People
    profiles: Profiles
    providers: Mapping[str, Provider]  # that people can sign in with, by their name in /auth/NAME
    pending_sign_ins: PendingSignIns
    terminals: Terminals
    files: Files
    displays: Displays
    presence: Presence
    clock: Clock
    ids: Ids
    parts: dict[str, Callable[[], Awaitable[Part]]]  # what readiness looks at, by name
    measure: Callable[[], Awaitable[None]]  # brings the gauges up to date
    version: str
    trusted: tuple[IPv4Network | IPv6Network, ...]  # peers whose identity headers count
    dev_header: bool  # whether x-user authenticates
    hosts: frozenset[str]  # names that this server goes by, without ports
    origins: frozenset[str]  # whose pages may act for somebody who has signed in, beside those of `hosts`
    url: str  # what clients are told, without a slash at the end
    dev_login: bool  # whether a name alone signs in
    auditors: frozenset[str]  # names that may see the whole trail
    keepalive_seconds: float
    heartbeat_seconds: float  # of silence, after which a terminal's socket is closed
    max_body_bytes: int
    region_header: str | None  # in which a trusted proxy says where a request comes from
    max_file_bytes: int  # of a request whose body is a file
    portal_is_open: bool  # whoever asks about workshops and does not say who they are is an instructor
    rate_limits: Mapping[str, int]  # requests of each kind from one address in an hour

    @property
    def https(self) -> bool:
        """Whether clients reach it encrypted, so that cookies need never go plain."""
        return self.url.startswith("https://")


def deps(connection: HTTPConnection) -> Deps:
    found: Deps = connection.app.state.deps
    return found
