"""The web application: the routes of every contract behind one middleware."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from interfaces import chrote, clarateach, native, neptuned, vm_api, warpdrive
from interfaces.chrote.deps import ChroteDeps
from interfaces.clarateach.deps import ClaraTeachDeps
from interfaces.http.below_path import BelowPath
from interfaces.http.contract import Contract
from interfaces.http.cross_origin import CrossOrigin
from interfaces.http.deps import HttpDeps
from interfaces.http.errors import install
from interfaces.http.hosts import KnownHosts
from interfaces.http.methods import ImpliedMethods
from interfaces.http.middleware import Edge
from interfaces.http.openapi import Api
from interfaces.http.security_headers import SecurityHeaders
from interfaces.native.deps import NativeDeps
from interfaces.neptuned.deps import NeptunedDeps
from interfaces.vm_api.deps import VmApiDeps
from interfaces.warpdrive.deps import WarpdriveDeps

CONTRACTS = [vm_api.CONTRACT, chrote.CONTRACT, warpdrive.CONTRACT, clarateach.CONTRACT]
CONTRACTS += [neptuned.CONTRACT, native.CONTRACT]
ABOUT = """
Tenure lends computers for a term. Every change is an event in one log; lists, live streams and the audit trail are
readings of it. Name yourself with the header `x-user` (on this machine), or let a proxy do it with `X-VM-User`.
"""


@dataclass(frozen=True)
class ContractDeps:
    """The dependencies of each contract, and of the HTTP layer that they share."""

    http: HttpDeps
    vm_api: VmApiDeps
    chrote: ChroteDeps
    warpdrive: WarpdriveDeps
    clarateach: ClaraTeachDeps
    neptuned: NeptunedDeps
    native: NativeDeps


def build(deps: ContractDeps) -> FastAPI:
    """The application. Serves nothing by itself: an ASGI server runs it."""
    return with_contracts(deps, CONTRACTS)


def build_monitoring(deps: ContractDeps) -> FastAPI:
    """The application of a worker: its health and its metrics."""
    return with_contracts(deps, [native.MONITORING])


def with_contracts(deps: ContractDeps, contracts: list[Contract]) -> FastAPI:
    """An application of these contracts."""
    api = Api(
        title="Tenure",
        version=deps.http.version,
        description=ABOUT,
        servers=[{"url": deps.http.path}] if deps.http.path else None,
        root_path_in_servers=False,  # `servers` has the path
        redirect_slashes=False,  # else a request with an empty id is redirected to the list
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere; ours are in native/docs.py
        redoc_url=None,
    )
    # Each contract's own accessor (`chrote_deps`, ...) reads the attribute of its name.
    api.state.http = deps.http
    api.state.vm_api = deps.vm_api
    api.state.chrote = deps.chrote
    api.state.warpdrive = deps.warpdrive
    api.state.clarateach = deps.clarateach
    api.state.neptuned = deps.neptuned
    api.state.native = deps.native
    install(api, contracts)
    # The last one added is the outermost.
    api.add_middleware(ImpliedMethods, api=api)
    api.add_middleware(
        CrossOrigin,
        listed=deps.http.cors_origins,
        any_origin=[contract.any_origin for contract in contracts],
    )
    api.add_middleware(KnownHosts, api=api, hosts=deps.http.hosts)
    api.add_middleware(
        Edge,
        api=api,
        ids=deps.http.ids,
        max_body_bytes=deps.http.max_body_bytes,
        max_file_bytes=deps.http.max_file_bytes,
        files=[contract.files for contract in contracts],
    )
    if deps.http.path:
        api.add_middleware(BelowPath, path=deps.http.path)
    api.add_middleware(SecurityHeaders, https=deps.http.https)
    return api
