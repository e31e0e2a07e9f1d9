"""What the workspaces API depends on."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from application.ports.clock import Clock
from application.workspaces import Workspaces
from projections.query import Queries


@dataclass(frozen=True)
class VmApiDeps:
    """The queries and commands that this contract's endpoints call."""

    queries: Queries
    clock: Clock
    workspaces: Workspaces


def vm_api_deps(connection: HTTPConnection) -> VmApiDeps:
    """The dependencies, as the application was built with them."""
    deps: VmApiDeps = connection.app.state.vm_api
    return deps
