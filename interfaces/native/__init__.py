"""Tenure's own: the event stream, the audit trail, machines and regions, API keys, health and metrics."""

from interfaces.native import audit, health, keys, machines, regions, stream
from interfaces.serve import Contract, plain_error

CONTRACT = Contract(
    name="native",
    routers=(
        stream.router,
        audit.router,
        health.router,
        machines.router,
        regions.router,
        keys.router,
        keys.well_known,
    ),
    prefixes=("/",),
    render=plain_error,
)
