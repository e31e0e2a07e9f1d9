"""Tenure's own: the event stream, the audit trail, health and metrics."""

from interfaces.native import audit, health, stream
from interfaces.serve import Contract, plain_error

CONTRACT = Contract(
    name="native",
    routers=(stream.router, audit.router, health.router),
    prefixes=("/",),
    render=plain_error,
)
