"""The web application: every contract, behind one edge."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from interfaces import chrote, clarateach, native, neptuned, vm_api, warpdrive
from interfaces.http.deps import Deps
from interfaces.http.errors import install
from interfaces.http.middleware import Edge
from interfaces.http.openapi import Api

CONTRACTS = [vm_api.CONTRACT, chrote.CONTRACT, warpdrive.CONTRACT, clarateach.CONTRACT]
CONTRACTS += [neptuned.CONTRACT, native.CONTRACT]
ABOUT = """
Tenure lends computers for a term. Every change is an event in one log; lists, live streams and the audit trail are
readings of it. Name yourself with the header `x-user` (on this machine), or let a proxy do it with `X-VM-User`.
"""


def build(given: Deps, cors_origins: list[str] | None = None) -> FastAPI:
    api = Api(
        title="Tenure",
        version=given.version,
        description=ABOUT,
        redirect_slashes=False,  # an id that was left out by mistake must not lead to the list
    )
    api.state.deps = given
    install(api, CONTRACTS)
    if cors_origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "x-tenure-position"],
        )
    api.add_middleware(
        Edge,
        api=api,
        ids=given.ids,
        max_body_bytes=given.max_body_bytes,
        max_file_bytes=given.max_file_bytes,
        files=[contract.files for contract in CONTRACTS],
    )
    return api
