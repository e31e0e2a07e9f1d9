"""The dependencies of the Neptuned endpoints."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from application.console_rooms import ConsoleRooms
from application.ports.clock import Clock
from application.ports.consoles import Consoles
from application.ports.vm_accounts import AccountRows, VmTokens
from application.ports.vm_images import Images
from application.vm_accounts import VmAccounts
from application.vm_administration import VmAdministration
from application.vm_configs import VmConfigs
from application.vm_servers import VmServers
from projections.hub import Hub
from projections.query import Queries


@dataclass(frozen=True)
class NeptunedDeps:
    queries: Queries
    hub: Hub
    clock: Clock
    vm_accounts: VmAccounts
    vm_account_rows: AccountRows
    vm_administration: VmAdministration
    vm_servers: VmServers
    vm_configs: VmConfigs
    vm_tokens: VmTokens
    consoles: Consoles
    console_rooms: ConsoleRooms
    images: Images


def neptuned_deps(connection: HTTPConnection) -> NeptunedDeps:
    deps: NeptunedDeps = connection.app.state.neptuned
    return deps
