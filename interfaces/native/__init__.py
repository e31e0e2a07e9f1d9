"""Tenure's own: the event stream, the audit trail, machines and regions, health and metrics."""

from interfaces.native import audit, health, machines, regions, stream
from interfaces.serve import Contract, plain_error

CONTRACT = Contract(
    name="native",
    routers=(stream.router, audit.router, health.router, machines.router, regions.router),
    prefixes=("/",),
    render=plain_error,
)
